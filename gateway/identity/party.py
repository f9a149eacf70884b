"""Party (往来单位, G-10): a dealer, a supplier or a customer whose people sign in, as long as its contract runs."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.sealed import Encrypted
from chassis.db.violations import on_violation
from chassis.domain.aggregate import Aggregate, Journal, new_id
from chassis.domain.errors import Duplicate, ValidationFailed
from chassis.domain.events import Published
from chassis.domain.masking import ERASED
from chassis.domain.principal import HEADQUARTERS
from gateway.identity.errors import CustomerErased
from gateway.identity.org_unit import OrgUnit

on_violation("uq_parties_customer_id", lambda: Duplicate("customer_id"))


class PartyKind(StrEnum):
    DEALER = "dealer"
    SUPPLIER = "supplier"
    CUSTOMER = "customer"


class Party(Base, Scoped, Aggregate):
    """``org_path`` is that of the unit that looks after it. ``customer_id``: who it
    is in customer service, of customers only. ``contract_ends_on``: the last day that counts, in ``time_zone``. ``erased_at``:
    the customer was erased (C-04), so it is over for ever."""

    published = Published("aftersales.gateway.party.v1", "kind", "customer_id", "contract_ends_on")
    __tablename__ = "parties"
    __table_args__ = (Index(None, "created_at", "id"), Index(None, "contract_ends_on", "id"))

    kind: Mapped[PartyKind]
    name: Mapped[str] = mapped_column(Encrypted())
    org_unit_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    contract_ends_on: Mapped[date]
    time_zone: Mapped[str]
    erased_at: Mapped[datetime | None]

    @classmethod
    def create(
        cls, by: str, kind: PartyKind, name: str, unit: OrgUnit, ends_on: date, customer_id: uuid.UUID | None, time_zone: str
    ) -> Party:
        """A customer's id is needed of customers (``missing``) and refused of others (``not_allowed``)."""
        if (kind is PartyKind.CUSTOMER) != (customer_id is not None):
            raise ValidationFailed.of("customer_id", "not_allowed" if customer_id else "missing")
        party = cls(id=new_id(), kind=kind, name=name, org_unit_id=unit.id, org_path=unit.org_path, customer_id=customer_id)
        party.contract_ends_on, party.time_zone, party.erased_at = ends_on, time_zone, None
        party.journal(Journal("create", by, data={"kind": kind.value, "contract_ends_on": ends_on.isoformat()}))
        return party

    def change(self, by: str, name: str | None, ends_on: date | None) -> bool:
        """Takes what is given. True when the contract ends on another day, so tokens made before are void. CustomerErased."""
        self.require_not_erased()
        before = self.contract_ends_on
        if name is not None and name != self.name:
            self.name = name
            self.journal(Journal("rename", by))  # who a customer is stands in no journal
        if ends_on is None or ends_on == before:
            return False
        self.contract_ends_on = ends_on
        self.journal(Journal("change", by, data={"contract_ends_on": [before.isoformat(), ends_on.isoformat()]}))
        return True

    def erase(self, by: str, at: datetime) -> None:
        self.name, self.erased_at = ERASED, at
        self.journal(Journal("erase", by))

    def require_not_erased(self) -> None:
        """Raises CustomerErased."""
        if self.erased_at is not None:
            raise CustomerErased(erased_at=self.erased_at)

    @property
    def reference(self) -> uuid.UUID:
        """The id that its rows carry in the services: a customer's is that of customer service."""
        return self.customer_id or self.id

    def scope(self, home: str) -> str:
        """What of the company its people see, where it is the party's own as well: a customer's documents at every site, wherever
        he was served; a dealer's or supplier's at the unit that looks after it (``home``) and below."""
        return HEADQUARTERS if self.kind is PartyKind.CUSTOMER else home

    @property
    def ends_at(self) -> datetime:
        """The first instant after the contract's last day."""
        after = datetime.combine(self.contract_ends_on + timedelta(days=1), time(), ZoneInfo(self.time_zone))
        return after.astimezone(UTC)

    def over(self, now: datetime) -> bool:
        return self.erased_at is not None or self.ends_at <= now
