"""Read copies of what other services own, kept by events. Parties are scoped; the other masters they mirror are company-wide,
and an org unit is only looked up to scope a site."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Index, Numeric
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, ReadCopy, Scoped
from chassis.db.folded import key_of
from chassis.db.sealed import Encrypted
from chassis.domain.masking import ERASED
from services.orders.masters.errors import CustomerErased


class OrgUnitCopy(Base, ReadCopy):
    """Org unit (组织机构) of the gateway; ``kind`` is hq, branch or site."""

    __tablename__ = "org_unit_copies"

    code: Mapped[str]
    code_key: Mapped[str] = key_of("code", unique=False, index=True)
    name: Mapped[str]
    kind: Mapped[str]
    path: Mapped[str]
    deleted: Mapped[bool]


class UserCopy(Base, ReadCopy):
    """User (用户) of the gateway. ``home_path`` is his unit's, empty until he is next told of."""

    __tablename__ = "user_copies"

    username: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    home_path: Mapped[str | None]
    active: Mapped[bool]


class PartyCopy(Base, Scoped, ReadCopy):
    """Party (往来单位) of the gateway; ``kind`` is dealer, supplier or customer. Scoped like the unit that looks after it,
    and seen from the units below it, too."""

    __tablename__ = "party_copies"

    kind: Mapped[str]


class PartCopy(Base, ReadCopy):
    """Part (配件) of inventory; ``price`` before tax, ``tax_rate`` of its own, None: the company\'s."""

    __tablename__ = "part_copies"

    number: Mapped[str]
    name: Mapped[str]
    unit: Mapped[str]
    price: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    tax_rate: Mapped[Decimal | None] = mapped_column(Numeric(5, 4))


class LabourRateCopy(Base, ReadCopy):
    """Labour rate (工时费率) of finance; ``hourly_rate`` before tax, ``tax_rate`` as of a part."""

    __tablename__ = "labour_rate_copies"

    code: Mapped[str]
    code_key: Mapped[str] = key_of("code", unique=False, index=True)
    name: Mapped[str]
    hourly_rate: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    tax_rate: Mapped[Decimal | None] = mapped_column(Numeric(5, 4))


class CounterpartyCopy(Base, ReadCopy):
    """Counterparty (往来单位) of finance that may pay a share; ``kind`` is maker, insurer or company."""

    __tablename__ = "counterparty_copies"

    kind: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    active: Mapped[bool]


class CustomerCopy(Base, ReadCopy):
    """Customer (客户) of customer service, sealed (G-24); ``phone_marks``: see ``phones.py``."""

    __tablename__ = "customer_copies"

    name: Mapped[str] = mapped_column(Encrypted())
    phones: Mapped[list[str]] = mapped_column(Encrypted(json=True))
    phone_marks: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    erased_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "phone_marks", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),)

    @property
    def version(self) -> int:
        """Every change of a customer is told, so the copy has the owner's version."""
        return self.sequence

    def require_not_erased(self) -> None:
        """Raises CustomerErased."""
        if self.erased_at is not None:
            raise CustomerErased(erased_at=self.erased_at)

    def erase(self, at: datetime) -> None:
        """At once, and before its owner is told: no later word of a name or number is taken (consumers.py)."""
        self.name, self.phones, self.phone_marks, self.erased_at = ERASED, [], [], at


class ParameterCopy(Base, ReadCopy):
    """Parameter (系统参数) of the gateway; ``value`` is any JSON value."""

    __tablename__ = "parameter_copies"

    key: Mapped[str] = mapped_column(index=True)
    value: Mapped[Any] = mapped_column(JSONB)
