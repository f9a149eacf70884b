"""Requisition (领料单, I-50): what is asked of the store, a line per part, and from which warehouse each line is served.

The planned one of a work order is never edited: it follows its order (follow.py). Others are made by hand (by_hand.py), for an order or
without one; where their type draws on the order's quote they take over part of what is planned.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis import contracts
from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate, new_id
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


class Requisition(Base, Scoped, Aggregate):
    """``number`` since it was applied for; the planned one goes by its order's. ``quote_version``: the approved quote its lines answer, where it
    draws on one. ``promised_at``: older is served first."""

    __tablename__ = "requisitions"
    __table_args__ = (
        *(Index(None, name, "id") for name in ("created_at", "updated_at", "work_order_number")),
        *(Index(None, name, "created_at", "id") for name in ("site_id", "state", "type", "technician_id")),
        Index("ix_requisitions_work_order_id", "work_order_id"),
        Index("uq_requisitions_planned", "work_order_id", unique=True, postgresql_where=text("planned")),
        CheckConstraint("work_order_id IS NOT NULL OR NOT planned", name="planned"),
        CheckConstraint("planned OR (number IS NULL) = (applied_at IS NULL)", name="applied"),
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
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    requisition_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("requisitions.id"))
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
    )

    requisition_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("requisitions.id"), primary_key=True)
    part_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parts.id"), primary_key=True)
    warehouse_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("warehouses.id"), primary_key=True)
    reserved: Mapped[Quantity]
    out: Mapped[Quantity]
    out_value: Mapped[Value]


_OPEN = (State.DRAFT, State.APPLIED, State.PROCESSING)


def _may(verb: str) -> str:
    return f"inventory.requisition.{verb}"


MACHINE = Machine(
    "requisition",
    State,
    initial=State.DRAFT,
    final=(),
    moves=[
        Move("issue", {State.APPLIED, State.PROCESSING}, State.OUT, permission=_may("issue")),
        # Where these end depends on what the store has and what the order's quote allows.
        Move("apply", {State.DRAFT}, State, permission=_may("apply"), when=lambda it: it.unapplied),
        Move("update", _OPEN, State, permission=_may("update"), when=lambda it: it.editable),
        Move("import", _OPEN, State, permission=_may("update"), when=lambda it: it.editable and it.draws),
        Move("return", {State.APPLIED, State.PROCESSING, State.OUT}, State, permission=_may("return"), when=lambda it: it.apart),
        Move("reserve", {State.DRAFT}, State.DRAFT, permission=_may("reserve"), when=lambda it: it.holds),
        Move("reallot", {State.APPLIED, State.PROCESSING}, State, permission=_may("reallot")),
        Move("delete", {State.DRAFT}, State.DRAFT, permission=_may("delete"), when=lambda it: it.unapplied),
        Move("cancel", _OPEN, State.DONE, permission=_may("cancel"), when=lambda it: it.editable and it.applied_at is not None),
        # The system's moves may lead from anywhere to anywhere: the order may shrink, grow, be cancelled or quoted anew.
        Move("follow", State, State),
        Move("serve", State, State),
    ],
)
SYSTEM = ("follow", "serve")
