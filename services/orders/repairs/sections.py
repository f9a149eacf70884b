"""What of a repair order has rows of its own: diagnosis, parts that came back, checks, hand-over; the quote stands in quote.py.

The order's row is their lock: they are read after it and written with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped, whose
from services.orders.kernel import number

if TYPE_CHECKING:
    from services.orders.repairs.quote import Quote


def of_order(table: str) -> ForeignKeyConstraint:
    """Rows of ``table`` are an order's: seen by whoever sees it."""
    return whose("work_orders", table, "work_order_id")


class Diagnosis(Base, Scoped):
    """What the technician found (诊断), the newest; ``exclusion`` is an O-28 reason."""

    __tablename__ = "diagnoses"
    __table_args__ = (of_order("diagnoses"),)

    work_order_id: Mapped[UUID] = mapped_column(primary_key=True)
    symptom: Mapped[str]
    cause: Mapped[str]
    finding: Mapped[str]
    quality_defect: Mapped[bool]
    exclusion: Mapped[str | None]


class PartReturn(Base, Scoped):
    """A part that came back to the store (退料), under the quote version that was approved then."""

    __tablename__ = "part_returns"
    __table_args__ = (of_order("part_returns"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    work_order_id: Mapped[UUID] = mapped_column(index=True)
    version: Mapped[int | None]
    part_id: Mapped[UUID]
    quantity: Mapped[Decimal] = mapped_column(Numeric(18, 6))
    quality: Mapped[str]
    serial_numbers: Mapped[list[str] | None]
    """The pieces themselves, of a part that is tracked by serial number (I-22)."""

    def told(self) -> dict[str, Any]:
        """As events and answers have it."""
        shown = {"id": self.id, "part_id": self.part_id, "quantity": number(self.quantity), "quality": self.quality}
        return shown if self.serial_numbers is None else {**shown, "serial_numbers": self.serial_numbers}


class Check(Base, Scoped):
    """A look at the finished repair (质检): passed, or back to repair with a reason. The table only grows."""

    __tablename__ = "checks"
    __table_args__ = (of_order("checks"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    work_order_id: Mapped[UUID] = mapped_column(index=True)
    at: Mapped[datetime]
    by: Mapped[str]
    passed: Mapped[bool]
    reason: Mapped[str | None]


class HandOver(Base, Scoped):
    """Who took the device home (取机), and when."""

    __tablename__ = "hand_overs"
    __table_args__ = (of_order("hand_overs"),)

    work_order_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    received_by: Mapped[str]


@dataclass(slots=True)
class Sections:
    """Of one order: the newest diagnosis and quote, all returns, the hand-over. ``added`` are rows that are to be saved with it."""

    diagnosis: Diagnosis | None = None
    quote: Quote | None = None
    returns: list[PartReturn] = field(default_factory=list)
    hand_over: HandOver | None = None
    added: list[Any] = field(default_factory=list)
