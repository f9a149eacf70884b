"""Partner (合作伙伴接口, G-25): another company's system that calls us, with scopes of its own instead of a user's rights."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.folded import searched
from chassis.domain.aggregate import Aggregate, Journal, new_id
from chassis.domain.machine import Machine, Move
from chassis.domain.principal import PARTNER

CHANGEABLE = ("name", "scopes", "networks", "expires_at", "requests_per_second")


class PartnerState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class Partner(Base, Scoped, Aggregate):
    """An OAuth2 client. ``org_path`` is its unit's: it sees that unit and what is below. ``scopes``: the rights it was granted,
    each by name. ``networks``: where it may call from (CIDR), anywhere when empty. ``epoch``: tokens of a lower one are void."""

    __tablename__ = "partners"

    client_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    search_key: Mapped[str] = searched("name")
    org_unit_id: Mapped[uuid.UUID]
    scopes: Mapped[list[str]]
    networks: Mapped[list[str]]
    expires_at: Mapped[datetime]
    requests_per_second: Mapped[int | None]
    state: Mapped[PartnerState] = mapped_column()
    epoch: Mapped[int]
    epoch_at: Mapped[datetime] = mapped_column(index=True)

    @classmethod
    def create(
        cls, by: str, unit_id: uuid.UUID, org_path: str, name: str, scopes: list[str], networks: list[str],
        expires_at: datetime, requests_per_second: int | None, now: datetime,
    ) -> Partner:
        partner = cls(
            id=new_id(),
            client_id=f"pc-{secrets.token_hex(8)}",
            name=name,
            org_unit_id=unit_id,
            org_path=org_path,
            scopes=sorted(scopes),
            networks=networks,
            expires_at=expires_at,
            requests_per_second=requests_per_second,
            state=PartnerState.ACTIVE,
            epoch=1,
            epoch_at=now,
        )
        partner.journal(Journal("create", by, after=PartnerState.ACTIVE, data=partner._facts()))
        return partner

    @property
    def username(self) -> str:
        """What it signs with in journals and audit log."""
        return PARTNER + self.client_id

    def expired(self, now: datetime) -> bool:
        return self.expires_at <= now

    def change(self, by: str, now: datetime, **given: Any) -> bool:
        """Takes what is given. True when tokens made before say something else, and so are void."""
        before = self._facts()
        for name, value in given.items():
            setattr(self, name, sorted(value) if name == "scopes" else value)
        after = self._facts()
        changed = {name: [before[name], after[name]] for name in after if after[name] != before[name]}
        if not changed:
            return False
        self.journal(Journal("change", by, data=changed))
        return self._void(now) if changed.keys() - {"name"} else False

    def disable(self, by: str, now: datetime) -> None:
        PARTNERS.fire(self, "disable", by)
        self._void(now)

    def enable(self, by: str) -> None:
        PARTNERS.fire(self, "enable", by)

    def key_rotated(self, by: str, key_id: uuid.UUID, ends_at: datetime | None) -> None:
        """``ends_at``: when the key before this one runs out."""
        data = {"key_id": str(key_id), "former_ends_at": ends_at and ends_at.isoformat()}
        PARTNERS.fire(self, "rotate-key", by, to=self.state, data=data)

    def key_revoked(self, by: str, key_id: uuid.UUID) -> None:
        PARTNERS.fire(self, "revoke-key", by, to=self.state, data={"key_id": str(key_id)})

    def _void(self, now: datetime) -> bool:
        self.epoch, self.epoch_at = self.epoch + 1, now
        return True

    def _facts(self) -> dict[str, Any]:
        facts = {name: getattr(self, name) for name in CHANGEABLE}
        return {**facts, "expires_at": self.expires_at.isoformat()}


_EITHER = (PartnerState.ACTIVE, PartnerState.DISABLED)
PARTNERS = Machine(
    "partner",
    PartnerState,
    initial=PartnerState.ACTIVE,
    final=set(),
    moves=[
        Move("rotate-key", _EITHER, _EITHER, permission="gateway.partner.rotate_key"),
        Move("revoke-key", _EITHER, _EITHER, permission="gateway.partner.revoke_key"),
        Move("enable", {PartnerState.DISABLED}, PartnerState.ACTIVE, permission="gateway.partner.enable"),
        Move("disable", {PartnerState.ACTIVE}, PartnerState.DISABLED, permission="gateway.partner.disable"),
    ],
)
