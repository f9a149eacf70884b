"""Posting (凭证): a document's entries, which sum to zero. Written once, never changed (R-10); the database enforces both."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import new_id
from services.finance.kernel import Money


@dataclass(frozen=True, slots=True)
class Document:
    """What the ledger needs of any document it posts: ``type`` and id, by which it is posted once; its number, site and day; the order
    and the bill behind it, where there are any."""

    type: str
    id: uuid.UUID
    number: str
    site_id: uuid.UUID
    org_path: str
    currency: str
    on: date
    work_order_id: uuid.UUID | None = None
    work_order_number: str | None = None
    bill_id: uuid.UUID | None = None


class Posting(Base, Scoped):
    """``source`` and ``source_id`` are the document. ``entry_count`` lets the database refuse entries slipped in later."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        UniqueConstraint("id", "org_path"),
        CheckConstraint("entry_count >= 2", name="entry_count"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    source: Mapped[str]
    source_id: Mapped[uuid.UUID]
    reference: Mapped[str]
    site_id: Mapped[uuid.UUID]
    bill_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bills.id"), index=True)
    work_order_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    currency: Mapped[str]
    entry_count: Mapped[int]
    posted_at: Mapped[datetime] = mapped_column(index=True)
    posted_by: Mapped[str]


class Entry(Base, Scoped):
    """One side of a posting: ``amount`` above zero is a debit (借), below zero a credit (贷). ``party_id``: whose it is, on accounts with
    open items."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["posting_id", "org_path"], ["ledger_postings.id", "ledger_postings.org_path"], deferrable=True
        ),
        UniqueConstraint("posting_id", "position"),
        CheckConstraint("amount <> 0", name="amount"),
        Index(None, "account", "id"),
        Index(None, "amount", "id"),
        Index(None, "party_id", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    posting_id: Mapped[uuid.UUID]
    position: Mapped[int]
    account: Mapped[str] = mapped_column(ForeignKey("accounts.code"))
    party_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("parties.id"))
    amount: Mapped[Money]
