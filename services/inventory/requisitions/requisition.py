"""Requisition (领料单, I-50): one per work order, a line per part, and from which warehouse each line is served.

It is never edited: it follows its work order (follow.py), and only the storekeeper's early issue comes from a person.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published
from chassis.domain.machine import Machine, Move
from services.inventory.kernel import NONE, Quantity, Value


class State(StrEnum):
    """草稿 (no approved quote), 已申请 (a part is short), 备料 (all reserved), 已出库 (all out), 完成 (nothing needed)."""

    DRAFT = "draft"
    APPLIED = "applied"
    PROCESSING = "processing"
    OUT = "out"
    DONE = "done"


class AnnouncedLine(TypedDict):
    """Quantities as JSON numbers; the serial numbers that are out where the part is tracked by them, else nothing of it."""

    part_id: str
    needed: int | float
    reserved: int | float
    issued: int | float
    returned: int | float
    serial_numbers: NotRequired[list[str]]


class Announced(TypedDict):
    """What its event tells, but for the order's id (contracts/inventory/events/requisition.v1.json)."""

    quote_version: int | None
    reserved_all: bool
    issued_all: bool
    issued_any: bool
    cancelled: bool
    lines: list[AnnouncedLine]
    summary: str


def _announced(name: str) -> Callable[[Any], Any]:
    return lambda requisition: requisition.announced[name]


class Requisition(Base, Scoped, Aggregate):
    """``sequence`` is the version of the work order it follows, ``quote_version`` the approved quote behind its lines,
    ``cancelled`` that the order is, or shall be; ``posted_returns`` the ids of returns already posted, ``announced`` what was last announced."""

    published = Published(
        "aftersales.inventory.requisition.v1",
        "work_order_id",
        only=lambda requisition: requisition.announced is not None,
        **{name: _announced(name) for name in Announced.__annotations__},
    )
    __tablename__ = "requisitions"
    __table_args__ = (
        *(Index(None, name, "id") for name in ("created_at", "updated_at", "work_order_number")),
        *(Index(None, name, "created_at", "id") for name in ("site_id", "state")),
    )

    work_order_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    work_order_number: Mapped[str]
    site_id: Mapped[uuid.UUID]
    technician_id: Mapped[uuid.UUID | None]
    state: Mapped[State]
    sequence: Mapped[int]
    quote_version: Mapped[int | None]
    repaired: Mapped[bool]
    cancelled: Mapped[bool]
    promised_at: Mapped[datetime | None]
    posted_returns: Mapped[list[str]]
    announced: Mapped[Announced | None] = mapped_column(JSONB(none_as_null=True))


class RequisitionLine(Base, Scoped):
    """``needed`` by the order; ``issued`` and ``returned`` so far, what is out is their difference; ``reserved`` for it in
    the warehouses; ``short`` is what is still missing, since ``short_since``: the shortage sheet (缺料单, I-60)."""

    __tablename__ = "requisition_lines"
    __table_args__ = (
        UniqueConstraint("requisition_id", "part_id"),
        CheckConstraint(
            "needed >= 0 AND reserved >= 0 AND returned >= 0 AND issued >= returned", name="amounts"
        ),
        CheckConstraint("short = greatest(needed - (issued - returned) - reserved, 0)", name="short"),
        CheckConstraint("(short > 0) = (short_since IS NOT NULL)", name="short_since"),
        Index("ix_requisition_lines_shortages", "site_id", "part_id", postgresql_where=text("short > 0")),
        Index("ix_requisition_lines_short_since", "short_since", "id", postgresql_where=text("short_since IS NOT NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    requisition_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("requisitions.id"))
    part_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parts.id"))
    site_id: Mapped[uuid.UUID]
    needed: Mapped[Quantity]
    reserved: Mapped[Quantity]
    issued: Mapped[Quantity]
    returned: Mapped[Quantity]
    short: Mapped[Quantity]
    short_since: Mapped[datetime | None]
    promised_at: Mapped[datetime | None]
    serial_numbers: Mapped[list[str] | None]
    """Pieces that are out, of a part that is tracked by serial number and was ever reserved; else None."""

    @property
    def out(self) -> Decimal:
        return self.issued - self.returned

    @property
    def to_issue(self) -> Decimal:
        return max(self.needed - self.out, NONE)

    @property
    def missing(self) -> Decimal:
        return max(self.to_issue - self.reserved, NONE)

    @property
    def empty(self) -> bool:
        return not (self.needed or self.reserved or self.issued or self.returned)

    def settle(self, now: datetime) -> None:
        """Write down what is short, and since when."""
        self.short = self.missing
        self.short_since = (self.short_since or now) if self.short else None


class Allocation(Base, Scoped):
    """What one warehouse has to do with a line: ``reserved`` there for it, and ``out`` from there, worth ``out_value``."""

    __tablename__ = "allocations"
    __table_args__ = (
        CheckConstraint("reserved >= 0 AND out >= 0 AND out_value >= 0", name="amounts"),
        Index("ix_allocations_stock", "warehouse_id", "part_id"),
    )

    requisition_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("requisitions.id"), primary_key=True)
    part_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parts.id"), primary_key=True)
    warehouse_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("warehouses.id"), primary_key=True)
    reserved: Mapped[Quantity]
    out: Mapped[Quantity]
    out_value: Mapped[Value]


MACHINE = Machine(
    "requisition",
    State,
    initial=State.DRAFT,
    final=(),
    moves=[
        Move("issue", {State.APPLIED, State.PROCESSING}, State.OUT, permission="inventory.requisition.issue"),
        # The system's moves may lead from anywhere to anywhere: the order may shrink, grow, be cancelled or quoted anew.
        Move("follow", State, State),
        Move("serve", State, State),
    ],
)
