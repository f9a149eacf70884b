"""Rows that hang on a work order beside its aggregate: appointment, search words, foreign timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, Text
from sqlalchemy.dialects.postgresql import INT8RANGE, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.violations import on_violation
from services.orders.repairs.errors import SlotTaken
from services.orders.repairs.sections import of_order

MINUTES = 2**32
"""Room for the minutes of one technician within the one range type that needs no extension to be indexed."""


class Appointment(Base, Scoped):
    """The technician's time of one order. ``slot`` is technician's running number x MINUTES + minutes since 1970, so that
    overlapping ranges are the same technician at the same time, which the database itself excludes."""

    __tablename__ = "appointments"

    work_order_id: Mapped[UUID] = mapped_column(primary_key=True)
    technician_id: Mapped[UUID] = mapped_column(index=True)
    slot: Mapped[Any] = mapped_column(INT8RANGE)

    __table_args__ = (
        ExcludeConstraint(("slot", "&&"), name="ex_appointments_slot", using="gist"),
        of_order("appointments"),
    )


on_violation("ex_appointments_slot", SlotTaken)


def slot_of(technician_serial: int, start: datetime, end: datetime) -> tuple[int, int]:
    """Half-open range of a technician's time, whole minutes."""
    base = technician_serial * MINUTES
    return base + int(start.timestamp() // 60), base - int(-end.timestamp() // 60)


class SearchToken(Base, Scoped):
    """A word of an order's problem (see search.py), once for each path that the order is seen by: its own, the holder's, the addressee's."""

    __tablename__ = "work_order_tokens"
    # For a word that many orders have: those of a page are asked for it, instead of all that have it for their place.
    __table_args__ = (Index("ix_work_order_tokens_order", "work_order_id", "token"),)

    # Token first, scope second: one index serves both the search and the policy.
    token: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    org_path: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    work_order_id: Mapped[UUID] = mapped_column(primary_key=True)


class FormerCustomer(Base, Scoped):
    """Whose an order was before it was corrected. Names of his people may stand in its quotes up to ``quote_version``: they
    are erased with him (C-04)."""

    __tablename__ = "former_customers"

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    work_order_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    quote_version: Mapped[int]


class TimelineEntry(Base, Scoped):
    """An event of another service that names a work order. Orders' own entries are its journal."""

    __tablename__ = "timeline_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    work_order_id: Mapped[UUID]
    at: Mapped[datetime]
    type: Mapped[str]
    source: Mapped[str]
    actor: Mapped[str]
    data: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_timeline_entries_order", "work_order_id", "at"), of_order("timeline_entries"))


class HistoryKey(Base):
    """External ids taken over from other systems, unique per source over all sites: claimed before anything else of a row,
    so that two imports at once never write one twice nor waste a number."""

    __tablename__ = "history_keys"

    source: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any] | None]
    """Digest of each member that the row said (history_content.py); null on what was taken over before it was kept."""
