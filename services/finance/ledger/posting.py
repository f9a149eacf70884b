"""Posting (凭证): a document's entries, which sum to zero. Written once, never changed (R-10); the database enforces both."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import new_id
from chassis.domain.money import ZERO
from services.finance.kernel import Money
from services.finance.ledger.account import Code


class Source(StrEnum):
    """Kind of document that was posted."""

    BILL = "bill"
    PAYMENT = "payment"
    REVERSAL = "reversal"
    CREDIT = "credit"
    REFUND = "refund"


class Unbalanced(Exception):
    """Entries do not sum to zero: a mistake in the program, never of the caller."""


class Posting(Base, Scoped):
    """A document is posted once. ``entry_count`` lets the database refuse entries slipped in later."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        UniqueConstraint("id", "org_path"),
        CheckConstraint("entry_count >= 2", name="entry_count"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    source: Mapped[Source]
    source_id: Mapped[uuid.UUID]
    reference: Mapped[str]
    bill_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bills.id"), index=True)
    work_order_id: Mapped[uuid.UUID] = mapped_column(index=True)
    currency: Mapped[str]
    entry_count: Mapped[int]
    posted_at: Mapped[datetime] = mapped_column(index=True)
    posted_by: Mapped[str]


class Entry(Base, Scoped):
    """One side of a posting: ``amount`` above zero is a debit (借), below zero a credit (贷)."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["posting_id", "org_path"], ["ledger_postings.id", "ledger_postings.org_path"], deferrable=True
        ),
        UniqueConstraint("posting_id", "position"),
        CheckConstraint("amount <> 0", name="amount"),
        Index(None, "account", "id"),
        Index(None, "amount", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    posting_id: Mapped[uuid.UUID]
    position: Mapped[int]
    account: Mapped[Code] = mapped_column(ForeignKey("accounts.code"))
    amount: Mapped[Money]


def balanced(amounts: Mapping[Code, Decimal]) -> dict[Code, Decimal]:
    """The entries worth writing (an account that does not move has none). Raises Unbalanced."""
    moved = {account: amount for account, amount in amounts.items() if amount}
    if sum(moved.values(), ZERO) != 0:
        raise Unbalanced(f"{moved} sum to {sum(moved.values(), ZERO)}")
    return moved
