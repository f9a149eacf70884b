"""User (用户, G-08): who signs in, from which unit, with which roles. The secrets stand apart, in ``credential.py``."""

from __future__ import annotations

import unicodedata
import uuid
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.folded import key_of, searched
from chassis.domain import folding
from chassis.domain.aggregate import Aggregate, Journal
from chassis.domain.errors import ValidationFailed
from chassis.domain.events import Published
from chassis.domain.masking import ERASED
from chassis.domain.principal import PARTNER
from gateway.identity.org_unit import OrgUnit


def check_name(username: str) -> None:
    """Names that journals use for the suite itself are nobody's, nor any with signs that cannot be seen: ValidationFailed."""
    folded = fold(username)
    invisible = any(unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for sign in username)
    if invisible or "/" in folded or folded in OF_THE_SYSTEM or folded.startswith(("system:", PARTNER)):
        raise ValidationFailed.of("username", "not_allowed")


NOWHERE = "~"
"""Begins the end of an outside account's path."""
OF_THE_SYSTEM = ("cli", "system")


def fold(username: str) -> str:
    """The form in which names are compared: no difference of case or of width."""
    return folding.plain(username)


def _path(office: OrgUnit, party_id: uuid.UUID | None) -> str:
    return office.org_path if party_id is None else f"{office.org_path}{NOWHERE}{party_id.hex}/"


class User(Base, Scoped, Aggregate):
    """``org_path`` is that of the unit's office: the user sees it and what is below, and is seen from it and above. An outside
    account's (G-10) leads from there to nowhere: whatever does not know of parties, a release before them too, shows it nothing."""

    published = Published("aftersales.gateway.user.v1", "username", "name", "org_path", "roles", "active")
    __tablename__ = "users"

    username: Mapped[str]
    username_key: Mapped[str] = key_of("username", folding.plain)
    name: Mapped[str]
    search_key: Mapped[str] = searched("username", "name")
    org_unit_id: Mapped[uuid.UUID] = mapped_column(index=True)
    roles: Mapped[list[str]]
    active: Mapped[bool]
    deleted_at: Mapped[datetime | None]
    party_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    """Of an outside account (G-10): the party whose data it sees. It stays the party's as long as it is."""

    @classmethod
    def create(
        cls, username: str, name: str, unit: OrgUnit, roles: list[str], office: OrgUnit | None = None,
        party_id: uuid.UUID | None = None,
    ) -> User:
        """``office``: whose path is the scope, where the unit itself is a department or team."""
        check_name(username)
        return cls(
            username=username,
            name=name,
            org_unit_id=unit.id,
            org_path=_path(office or unit, party_id),
            roles=sorted(roles),
            active=True,
            deleted_at=None,
            party_id=party_id,
        )

    def change(
        self,
        by: str,
        name: str | None,
        unit: OrgUnit | None,
        roles: list[str] | None,
        active: bool | None,
        office: OrgUnit | None = None,
    ) -> bool:
        """Takes what is given. True when what the user may do or see changed, so tokens made before are void."""
        before, rights = self.published.of(self), (self.org_unit_id, self.org_path, self.roles, self.active)
        placed = self.org_unit_id
        self.name = self.name if name is None else name
        self.roles = self.roles if roles is None else sorted(roles)
        self.active = self.active if active is None else active
        if unit is not None:
            self.org_unit_id, self.org_path = unit.id, _path(office or unit, self.party_id)
        after = self.published.of(self)
        if after == before and self.org_unit_id == placed:
            return False
        # What people of other companies, or customers, are called stands in no journal: it only grows (C-04).
        logged = [key for key in after if after[key] != before[key] and not (key == "name" and self.party_id)]
        changed = {key: [before[key], after[key]] for key in logged}
        if self.org_unit_id != placed:
            changed["org_unit_id"] = [str(placed), str(self.org_unit_id)]
        self.journal(Journal("change", by, data=changed))
        return (self.org_unit_id, self.org_path, self.roles, self.active) != rights

    @property
    def home(self) -> str:
        """The path of the office."""
        return self.org_path if self.party_id is None else self.org_path[: self.org_path.rindex(NOWHERE)]

    def delete(self, by: str, now: datetime) -> None:
        """R-04: hidden and disabled; the name stays taken, so that what it signed stays told apart."""
        if self.deleted_at is None:
            self.deleted_at = now
            self.journal(Journal("delete", by))
            self.change(by, None, None, None, False)

    def erase(self, by: str, at: datetime) -> None:
        """C-04: the customer whose account it is was erased."""
        self.name, self.active, self.deleted_at = ERASED, False, self.deleted_at or at
        self.journal(Journal("erase", by))

    def restore(self, by: str) -> None:
        if self.deleted_at is not None:
            self.deleted_at = None
            self.journal(Journal("restore", by))
            self.change(by, None, None, None, True)

    def follow(self, by: str, former: str, current: str) -> None:
        """The user's unit moved in the tree."""
        path = current + self.org_path.removeprefix(former)
        self.relocate(by, path)

    def relocate(self, by: str, path: str) -> None:
        """His scope is another from now on."""
        self.journal(Journal("move", by, data={"org_path": [self.org_path, path]}))
        self.org_path = path

