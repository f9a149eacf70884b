"""Counterparty (往来单位): a maker, an insurer or an on-account company that pays shares of bills. Kept here and told to others.

``Party`` is whoever owes or is owed, by his id and kind: each counterparty, and each customer as soon as a document names him. Who a customer
is stays with customer service.
"""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.folded import key_of, searched
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published

CUSTOMER = "customer"


class Kind(StrEnum):
    MAKER = "maker"
    INSURER = "insurer"
    COMPANY = "company"


class Party(Base):
    __tablename__ = "parties"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]


class Counterparty(Base, Aggregate):
    """``term_days`` until what he owes is due; not ``active``: nothing new is charged to him."""

    published = Published("aftersales.finance.counterparty.v1", "kind", "code", "name", "active")
    __tablename__ = "counterparties"
    __table_args__ = (
        CheckConstraint("term_days BETWEEN 0 AND 3650", name="term_days"),
        Index(None, "created_at", "id"),
    )

    kind: Mapped[Kind]
    code: Mapped[str] = mapped_column(index=True)
    code_key: Mapped[str] = key_of("code")
    name: Mapped[str] = mapped_column(index=True)
    name_words: Mapped[str] = searched("name", index=True)
    term_days: Mapped[int]
    active: Mapped[bool]

    @classmethod
    def create(cls, kind: str, code: str, name: str, term_days: int = 0) -> Counterparty:
        return cls(kind=Kind(kind), code=code, name=name, term_days=term_days, active=True)

    def change(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)
