"""Open item (未清项): what one party owes for one document, or is owed; and the allocations (核销) that settle it (F-23, F-26).

Allocations are only added, each dated, so that what was open on any day can be told; one that is taken back is a second one of the negative
amount. The database holds ``open_amount`` to the amount less the allocations.
"""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped, ScopedChild, moved_with
from chassis.domain.aggregate import Aggregate, new_id
from services.finance.kernel import Money
from services.finance.ledger.errors import OverAllocated


class Side(StrEnum):
    RECEIVABLE = "receivable"
    PAYABLE = "payable"


class OpenItem(Base, Scoped, Aggregate):
    """One per document, side, payer and party. ``account`` is where it stands in the ledger; ``reference`` the document's number."""

    __tablename__ = "open_items"
    __table_args__ = (
        Index(None, "document_id", "document_type", "side", "payer", "party_id", unique=True, postgresql_nulls_not_distinct=True),
        *(Index(None, name, "id") for name in ("created_at", "due_on", "open_amount", "work_order_id")),
        *(Index(None, name, "created_at", "id") for name in ("party_id", "site_id")),
        Index("ix_open_items_open", "side", "payer", "created_at", "id", postgresql_where=text("open_amount > 0")),
        Index("ix_open_items_party_open", "party_id", "created_at", "id", postgresql_where=text("open_amount > 0")),
        CheckConstraint("amount > 0 AND open_amount BETWEEN 0 AND amount", name="open_amount"),
    )

    side: Mapped[Side]
    payer: Mapped[str]
    party_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("parties.id"))
    account: Mapped[str] = mapped_column(ForeignKey("accounts.code"))
    document_type: Mapped[str]
    document_id: Mapped[uuid.UUID]
    reference: Mapped[str]
    work_order_id: Mapped[uuid.UUID | None]
    work_order_number: Mapped[str | None]
    site_id: Mapped[uuid.UUID]
    currency: Mapped[str]
    issued_on: Mapped[date]
    due_on: Mapped[date]
    amount: Mapped[Money]
    open_amount: Mapped[Money]

    def settle(self, amount: Decimal, field: str = "amount") -> None:
        """A part or all of what is open; a negative amount opens it again. Raises OverAllocated."""
        self.check_open(amount, field)
        if self.open_amount - amount > self.amount:
            raise OverAllocated(f"{-amount} of {self.amount - self.open_amount}", field=field)
        self.open_amount -= amount

    def check_open(self, amount: Decimal, field: str = "amount") -> None:
        if amount > self.open_amount:
            raise OverAllocated(f"{amount} > {self.open_amount}", field=field, open_amount=self.open_amount)


class Allocation(Base, ScopedChild):
    """What a document settles of an item, on a day; ``reverses_id`` is the allocation that it takes back."""

    __tablename__ = "allocations"
    __table_args__ = (
        moved_with("allocations"),
        Index(None, "open_item_id", "on"),
        Index(None, "document_id", "document_type"),
        CheckConstraint("(amount > 0) = (reverses_id IS NULL) AND amount <> 0", name="amount"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    open_item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("open_items.id"))
    document_type: Mapped[str]
    document_id: Mapped[uuid.UUID]
    on: Mapped[date]
    amount: Mapped[Money]
    reverses_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("allocations.id"), unique=True)
