"""Stock ledger (库存台账, I-20, I-21): movements are only ever added; the database derives every balance from them.

Triggers (migrations 0001, 0013, 0015) add a movement to its stock row, and the reservations of requisitions to ``reserved``. The
service's own role may not write stock rows at all, nor change a movement.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis import contracts
from chassis.db.base import Base, Scoped
from services.inventory.kernel import Quantity, UnitCost, Value
from services.inventory.stock.warehouse import Quality

KINDS = contracts.values("inventory", "stock", "Kind")
"""Kinds of movements, a line each in contracts/inventory/openapi/stock.yaml: ``{kind: {sign, serial, zh, en}}``. ``take_back`` is an issue
undone: it had crossed with a cancel or a smaller quote."""


class Stock(Base, Scoped):
    """What lies in a warehouse of one part and quality (that of the warehouse, but in a transit place): ``on_hand`` and ``value`` are the sums of its movements, ``reserved`` that of
    the open reservations."""

    __tablename__ = "stock"
    __table_args__ = (
        UniqueConstraint("warehouse_id", "part_id", "quality"),
        Index(None, "part_id", "org_path", "id"),  # of what no movement changes, so that it costs none
        CheckConstraint("on_hand >= 0", name="on_hand"),
        CheckConstraint("reserved >= 0", name="reserved"),
        CheckConstraint("binned BETWEEN 0 AND on_hand", name="binned"),
        CheckConstraint("value >= 0 AND (on_hand > 0 OR value = 0)", name="value"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    warehouse_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("warehouses.id"))
    part_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parts.id"))
    quality: Mapped[Quality]
    serial_tracked: Mapped[bool]
    """As the part, which may not change it any more."""
    on_hand: Mapped[Quantity]
    reserved: Mapped[Quantity]
    value: Mapped[Value]
    binned: Mapped[Quantity | None]
    """What of it lies in bins; None where nothing ever did."""


class StockMovement(Base, Scoped):
    """``quantity`` and ``value`` are signed: out is negative. ``unit_cost`` is what one piece of it is worth. Of a part that is tracked it
    is one piece, ``serial_id``, which goes to ``place`` when it leaves the warehouse, or comes from there."""

    __tablename__ = "stock_movements"
    __table_args__ = (
        CheckConstraint("quantity <> 0 AND sign(value) IN (0, sign(quantity))", name="signs"),
        Index("ix_stock_movements_part_warehouse", "part_id", "warehouse_id", "at"),
        Index(None, "at", "id"),
        *(Index(None, name, "at", "id") for name in ("part_id", "warehouse_id", "kind")),
        Index("ix_stock_movements_document", "document_id"),
        ForeignKeyConstraint(["bin_id", "warehouse_id"], ["bins.id", "bins.warehouse_id"]),
        Index("ix_stock_movements_bin_id", "bin_id", "at", "id", postgresql_where=text("bin_id IS NOT NULL")),
        CheckConstraint("serial_id IS NULL OR (abs(quantity) = 1 AND place IS NOT NULL)", name="piece"),
        Index("ix_stock_movements_serial_id", "serial_id", "at", "id", postgresql_where=text("serial_id IS NOT NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    """Of KINDS."""
    warehouse_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("warehouses.id"))
    part_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parts.id"))
    quality: Mapped[Quality]
    quantity: Mapped[Quantity]
    unit_cost: Mapped[UnitCost]
    value: Mapped[Value]
    document_type: Mapped[str]
    document_id: Mapped[uuid.UUID]
    work_order_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    actor: Mapped[str]
    serial_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("serials.id"))
    place: Mapped[str | None]
    """Of Whereabouts."""
    place_id: Mapped[uuid.UUID | None]
    bin_id: Mapped[uuid.UUID | None]
    """Where it lay, or lies from now on; None: in the warehouse without one."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a movement is posted for: its table's singular name, its id, the work order behind it."""

    type: str
    id: uuid.UUID
    work_order_id: uuid.UUID | None = None

    @property
    def holder(self) -> uuid.UUID:
        """Who has the pieces that are out: the work order, or a document without one."""
        return self.work_order_id or self.id
