"""Org unit (组织机构, G-11): HQ, its branches, sites below a branch or HQ, and departments and teams inside any of these.

The path of an office (HQ, branch, site) is the data scope of its people. Departments and teams say who works with whom: their
people see what their office sees, and other services never hear of them.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.folded import key_of, searched
from chassis.domain import folding
from chassis.domain.aggregate import Aggregate, Journal
from chassis.domain.errors import ValidationFailed
from chassis.domain.events import Published
from chassis.domain.principal import HEADQUARTERS


class Kind(StrEnum):
    HQ = "hq"
    BRANCH = "branch"
    SITE = "site"
    DEPARTMENT = "department"
    TEAM = "team"


OFFICES = {Kind.HQ, Kind.BRANCH, Kind.SITE}
PARENTS = {
    Kind.BRANCH: {Kind.HQ},
    Kind.SITE: {Kind.HQ, Kind.BRANCH},
    Kind.DEPARTMENT: {*OFFICES, Kind.DEPARTMENT},
    Kind.TEAM: {*OFFICES, Kind.DEPARTMENT},
}


class OrgUnit(Base, Scoped, Aggregate):
    """``org_path`` is the unit's own path: ``/HQ/<branch>/<site>/<department>/``. ``roles`` are given to all its people (G-09)."""

    published = Published(
        "aftersales.gateway.org_unit.v1",
        "code",
        "name",
        "kind",
        "parent_path",
        path="org_path",
        deleted=lambda unit: unit.deleted_at is not None,
        only=lambda unit: unit.office,
    )
    __tablename__ = "org_units"

    code: Mapped[str] = mapped_column(index=True)
    code_key: Mapped[str] = key_of("code")
    name: Mapped[str]
    search_key: Mapped[str] = searched("code", "name")
    kind: Mapped[Kind]
    parent_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    leader_id: Mapped[uuid.UUID | None]
    deputy_id: Mapped[uuid.UUID | None]
    duties: Mapped[str | None]
    roles: Mapped[list[str]]
    deleted_at: Mapped[datetime | None]
    devices_checked: Mapped[bool]
    """Whether its people sign in on approved devices only (G-22)."""

    @classmethod
    def headquarters(cls, name: str) -> OrgUnit:
        return cls._new(code="HQ", name=name, kind=Kind.HQ, parent_id=None, org_path=HEADQUARTERS)

    @classmethod
    def below(cls, parent: OrgUnit, code: str, name: str, kind: Kind) -> OrgUnit:
        """Below a parent of a kind that may have it (PARENTS); another is a ValidationFailed of ``parent_code``."""
        if parent.kind not in PARENTS[kind]:
            raise ValidationFailed.of("parent_code", "wrong_kind")
        code = folding.tidy(code)
        return cls._new(code=code, name=name, kind=kind, parent_id=parent.id, org_path=f"{parent.org_path}{code}/")

    @classmethod
    def _new(cls, **fields: Any) -> OrgUnit:
        return cls(
            **fields, leader_id=None, deputy_id=None, duties=None, roles=[], deleted_at=None, devices_checked=False
        )

    @property
    def office(self) -> bool:
        """Whether its path is a data scope, known to all services."""
        return self.kind in OFFICES

    def rename(self, name: str) -> None:
        self.name = name

    def staff(self, by: str, **given: Any) -> bool:
        """Leader, deputy, duties and the roles of its people, as given. True when the roles changed."""
        if given.get("roles") is not None:
            given["roles"] = sorted(given["roles"])
        changed = {key: value for key, value in given.items() if value != getattr(self, key)}
        if changed:
            changes = {key: [_plain(getattr(self, key)), _plain(new)] for key, new in changed.items()}
            self.journal(Journal("staff", by, data=changes))
            for key, value in changed.items():
                setattr(self, key, value)
        return "roles" in changed

    def delete(self, by: str, now: datetime) -> None:
        """R-04: hidden, nobody is put there any more; the code stays taken, so that old paths stay told apart."""
        if self.deleted_at is None:
            self.deleted_at = now
            self.journal(Journal("delete", by))
            self.record("deleted")

    def restore(self, by: str) -> None:
        if self.deleted_at is not None:
            self.deleted_at = None
            self.journal(Journal("restore", by))
            self.record("restored")

    def check_devices(self, on: bool, by: str) -> bool:
        """True when it was just switched on: whoever is in came on a device nobody approved."""
        switched_on = on and not self.devices_checked
        if on != self.devices_checked:
            self.devices_checked = on
            self.journal(Journal("check_devices", by, data={"on": on}))
        return switched_on

    def move(self, parent: OrgUnit) -> str | None:
        """Hangs the unit below another parent; where it was, None when it is there already. A department cannot stand
        below itself; the other kinds leave no room for a cycle."""
        if parent.kind not in PARENTS.get(self.kind, ()):
            raise ValidationFailed.of("parent_code", "wrong_kind")
        if parent.org_path.startswith(self.org_path):
            raise ValidationFailed.of("parent_code", "below_itself")
        if parent.id == self.parent_id:
            return None
        former, self.parent_id = self.org_path, parent.id
        self.org_path = f"{parent.org_path}{self.code}/"
        self.record("moved", former_path=former)
        return former

    @property
    def parent_path(self) -> str | None:
        above = self.org_path.rstrip("/").rpartition("/")[0] + "/"
        return None if above == "/" else above



def _plain(value: Any) -> Any:
    """As a journal keeps it."""
    return str(value) if isinstance(value, uuid.UUID) else value
