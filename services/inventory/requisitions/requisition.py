"""Requisition (领料单, I-50): what is asked of the store, a line per part, and from which warehouse each line is served.

The planned one of a work order is never edited: it follows its order (follow.py). Others are made by hand (by_hand.py), for an order or
without one; where their type draws on the order's quote they take over part of what is planned.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis import contracts
from chassis.db.base import GUARDED, Base, Held, Scoped, held as seen_where_held, whose
from chassis.domain.aggregate import Aggregate, new_id
from chassis.domain.custody import Side
from chassis.domain.machine import Machine, Move
from services.inventory.kernel import NONE, Quantity, Value
from services.inventory.requisitions.supply import Supply
from services.inventory.stock import Document, SiteCopy

TYPES = contracts.values("inventory", "requisitions", "Type")
"""Types of requisitions, a line each in contracts/inventory/openapi/requisitions.yaml: ``{type: {draws, alone, zh, en}}``."""
PLANNED = "normal"


class State(StrEnum):
    """草稿 (not applied for, or no approved quote), 已申请 (a part is short), 备料 (all reserved), 已出库 (all out), 完成 (nothing needed)."""

    DRAFT = "draft"
    APPLIED = "applied"
    PROCESSING = "processing"
    OUT = "out"
    DONE = "done"


class Requisition(Base, Held, Aggregate):
    """``number`` since it was applied for; the planned one goes by its order's. ``quote_version``: the approved quote its lines answer, where it
    draws on one. ``promised_at``: older is served first.

    ``site_id`` is the site whose store serves it: of an order's always the one that has the device. ``org_path`` is that of the site where it
    was made, the planned one's its order's."""

    __tablename__ = "requisitions"
    __table_args__ = (
        *(Index(None, name, "id") for name in ("created_at", "updated_at", "work_order_number")),
        *(Index(None, name, "created_at", "id") for name in ("site_id", "state", "type", "technician_id")),
        Index("ix_requisitions_work_order_id", "work_order_id"),
        Index("uq_requisitions_planned", "work_order_id", unique=True, postgresql_where=text("planned")),
        CheckConstraint("work_order_id IS NOT NULL OR NOT planned", name="planned"),
        CheckConstraint("planned OR (number IS NULL) = (applied_at IS NULL)", name="applied"),
        Index("uq_requisitions_whose", "id", "org_path", unique=True),
        *seen_where_held("requisitions"),
    )

    number: Mapped[str | None] = mapped_column(unique=True)
    type: Mapped[str]
    """Of TYPES."""
    planned: Mapped[bool]
    work_order_id: Mapped[uuid.UUID | None]
    work_order_number: Mapped[str | None]
    site_id: Mapped[uuid.UUID]
    technician_id: Mapped[uuid.UUID | None]
    state: Mapped[State]
    quote_version: Mapped[int | None]
    cancelled: Mapped[bool]
    promised_at: Mapped[datetime | None]
    applied_at: Mapped[datetime | None]
    remark: Mapped[str | None]
    reason: Mapped[str | None]
    """Why it was cancelled."""

    @classmethod
    def blank(cls, site: SiteCopy, supply: Supply | None, **given: object) -> Requisition:
        """A draft; ``supply``: of the order it is for."""
        facts = {
            "id": new_id(), "number": None, "type": PLANNED, "planned": False, "state": State.DRAFT, "cancelled": False, "applied_at": None,
            "remark": None, "reason": None, "site_id": site.id, "org_path": site.org_path,
            **dict.fromkeys(("held_site_id", "held_path", "bound_site_id", "bound_path")),
            "work_order_id": supply and supply.work_order_id, "work_order_number": supply and supply.work_order_number,
            "quote_version": supply and supply.quote_version, "promised_at": supply and supply.promised_at,
            "technician_id": supply and supply.technician_id,
        }  # fmt: skip
        return cls(**{**facts, **given})

    @property
    def document(self) -> Document:
        return Document("requisition", self.id, self.work_order_id)

    @property
    def draws(self) -> bool:
        """Whether its parts are the quote's: they count for the order's gates and its bill."""
        return self.work_order_id is not None and bool(TYPES[self.type]["draws"])

    @property
    def editable(self) -> bool:
        return not self.planned and not self.cancelled

    @property
    def unapplied(self) -> bool:
        return self.editable and self.applied_at is None

    @property
    def apart(self) -> bool:
        """Its parts are nothing to an order's quote, so they come back to it, not to the order."""
        return not self.draws

    @property
    def holds(self) -> bool:
        """Whether parts may be kept for it, with an end (I-24): nothing asks for them yet."""
        return not self.cancelled

    @property
    def in_force(self) -> bool:
        """Applied for, and where it draws on a quote, that is approved."""
        return (self.planned or self.applied_at is not None) and (not self.draws or self.quote_version is not None)

    def state_of(self, lines: Iterable[RequisitionLine]) -> State:
        rows = list(lines)
        if self.cancelled or (self.in_force and not any(line.needed for line in rows)):
            return State.DONE
        if not self.in_force:
            return State.DRAFT
        if any(line.missing for line in rows):
            return State.APPLIED
        return State.PROCESSING if any(line.to_issue for line in rows) else State.OUT


class RequisitionLine(Base, Scoped):
    """``needed``: what is to be out of it. ``asked`` by hand, of which the order's quote may allow less; 0 of what is planned. ``issued`` and
    ``returned`` so far, what is out is their difference; ``reserved`` for it in the warehouses; ``held`` is kept until ``held_until``
    while nothing is needed yet (I-24). ``short`` is what is still missing, since ``short_since``: the shortage sheet (缺料单, I-60)."""

    __tablename__ = "requisition_lines"
    __table_args__ = (
        UniqueConstraint("requisition_id", "part_id"),
        CheckConstraint(
            "needed >= 0 AND asked >= 0 AND reserved >= 0 AND returned >= 0 AND issued >= returned", name="amounts"
        ),
        CheckConstraint("short = greatest(needed - (issued - returned) - reserved, 0)", name="short"),
        CheckConstraint("(short > 0) = (short_since IS NOT NULL)", name="short_since"),
        CheckConstraint("held >= 0 AND (held > 0) = (held_until IS NOT NULL)", name="held"),
        Index("ix_requisition_lines_shortages", "site_id", "part_id", postgresql_where=text("short > 0")),
        Index("ix_requisition_lines_short_since", "short_since", "id", postgresql_where=text("short_since IS NOT NULL")),
        Index("ix_requisition_lines_held_until", "held_until", postgresql_where=text("held_until IS NOT NULL")),
        whose("requisitions", "requisition_lines", "requisition_id"),
        *seen_where_held("requisition_lines"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    requisition_id: Mapped[uuid.UUID]
    part_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parts.id"))
    site_id: Mapped[uuid.UUID]
    needed: Mapped[Quantity]
    asked: Mapped[Quantity]
    reserved: Mapped[Quantity]
    issued: Mapped[Quantity]
    returned: Mapped[Quantity]
    short: Mapped[Quantity]
    short_since: Mapped[datetime | None]
    promised_at: Mapped[datetime | None]
    held: Mapped[Quantity]
    held_until: Mapped[datetime | None]
    serial_numbers: Mapped[list[str] | None]
    """Pieces that are out, of a part that is tracked by serial number and was ever reserved; else None."""
    held_path: Mapped[str | None] = mapped_column(Text(collation="C"), sort_order=80, info=GUARDED)
    """Its requisition's, as ``bound_path``: it is listed without that, in the shortage sheet. The database keeps both."""
    bound_path: Mapped[str | None] = mapped_column(Text(collation="C"), sort_order=80, info=GUARDED)

    @property
    def out(self) -> Decimal:
        return self.issued - self.returned

    @property
    def to_issue(self) -> Decimal:
        return max(self.needed - self.out, NONE)

    @property
    def kept(self) -> Decimal:
        """What of the reservation is for what is needed; the rest is only held."""
        return min(self.reserved, self.to_issue)

    @property
    def missing(self) -> Decimal:
        return max(self.to_issue - self.reserved, NONE)

    @property
    def lacking(self) -> Decimal:
        """What may still be reserved: for what is needed, or to be held."""
        return max(self.to_issue, self.held) - self.reserved

    @property
    def empty(self) -> bool:
        return not (self.needed or self.kept or self.issued or self.returned)

    def hold(self, quantity: Decimal, until: datetime | None) -> None:
        self.held, self.held_until = quantity, until if quantity else None

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
        whose("requisitions", "allocations", "requisition_id"),
    )

    requisition_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    part_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parts.id"), primary_key=True)
    warehouse_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("warehouses.id"), primary_key=True)
    reserved: Mapped[Quantity]
    out: Mapped[Quantity]
    out_value: Mapped[Value]


_OPEN = (State.DRAFT, State.APPLIED, State.PROCESSING)


def _move(action: str, sources: Iterable[State], target: State | type[State], when: Callable[[Requisition], bool] | None = None, right: str | None = None) -> Move:
    """What people do, who must have the device of the order: parts come from where they stand (O-101)."""
    return Move(action, sources, target, permission=f"inventory.requisition.{right or action}", when=when, by={Side.HOLDER})


MACHINE = Machine(
    "requisition",
    State,
    initial=State.DRAFT,
    final=(),
    moves=[
        _move("issue", {State.APPLIED, State.PROCESSING}, State.OUT),
        # Where these end depends on what the store has and what the order's quote allows.
        _move("apply", {State.DRAFT}, State, when=lambda it: it.unapplied),
        _move("update", _OPEN, State, when=lambda it: it.editable),
        _move("import", _OPEN, State, when=lambda it: it.editable and it.draws, right="update"),
        _move("return", {State.APPLIED, State.PROCESSING, State.OUT}, State, when=lambda it: it.apart),
        _move("reserve", {State.DRAFT}, State.DRAFT, when=lambda it: it.holds),
        _move("reallot", {State.APPLIED, State.PROCESSING}, State),
        _move("delete", {State.DRAFT}, State.DRAFT, when=lambda it: it.unapplied),
        _move("cancel", _OPEN, State.DONE, when=lambda it: it.editable and it.applied_at is not None),
        # The system's moves may lead from anywhere to anywhere: the order may shrink, grow, be cancelled or quoted anew.
        Move("follow", State, State),
        Move("serve", State, State),
    ],
)
SYSTEM = ("follow", "serve")
