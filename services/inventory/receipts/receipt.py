"""Stock receipt (入库单): parts come into a warehouse at cost. Posts when it is made and is never changed (R-10)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate, new_id
from chassis.domain.events import Published
from chassis.domain.money import bounded, money
from services.inventory.kernel import Amount, Quantity, UnitCost, number
from services.inventory.stock import Document, InBin, Piece, Store


class StockReceipt(Base, Scoped, Aggregate):
    published = Published("aftersales.inventory.stock_receipt.v1", "number", "warehouse_id", "site_id")
    __tablename__ = "stock_receipts"
    __table_args__ = (
        Index(None, "posted_at", "id"),
        *(Index(None, name, "posted_at", "id") for name in ("warehouse_id", "site_id")),
    )

    number: Mapped[str] = mapped_column(unique=True)
    warehouse_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("warehouses.id"))
    site_id: Mapped[uuid.UUID]
    posted_at: Mapped[datetime]
    total: Mapped[Amount]

    @property
    def document(self) -> Document:
        return Document("stock_receipt", self.id)

    def post(self, number_: str, lines: list[StockReceiptLine]) -> None:
        """Give it its number and announce it."""
        self.number = number_
        shown = [
            {
                "part_id": str(line.part_id),
                "quantity": number(line.quantity),
                "unit_cost": cost_text(line.unit_cost),
                "value": f"{line.value:.2f}",
            }
            for line in lines
        ]
        self.record("posted", lines=shown)


class StockReceiptLine(Base, Scoped):
    """One part, once per receipt. ``unit_cost`` before tax; ``value`` is what it comes to, to the cent."""

    __tablename__ = "stock_receipt_lines"
    __table_args__ = (
        UniqueConstraint("receipt_id", "part_id"),
        CheckConstraint("quantity > 0 AND unit_cost >= 0", name="amounts"),
    )

    receipt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("stock_receipts.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    part_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parts.id"), index=True)
    quantity: Mapped[Quantity]
    unit_cost: Mapped[UnitCost]
    value: Mapped[Amount]
    bin_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bins.id"))
    """Where it was put; None: nowhere in particular."""

    @classmethod
    def receive(
        cls,
        receipt: StockReceipt,
        position: int,
        part_id: uuid.UUID,
        quantity: Decimal,
        unit_cost: Decimal,
        store: Store,
        pieces: Sequence[Piece] = (),
        into: InBin | None = None,
    ) -> StockReceiptLine:
        """Put the parts on their shelf."""
        bounded(quantity * unit_cost, f"lines.{position - 1}.unit_cost")
        store.receive(receipt.warehouse_id, part_id, quantity, unit_cost, receipt.document, pieces, into)
        return cls(
            receipt_id=receipt.id,
            position=position,
            part_id=part_id,
            quantity=quantity,
            unit_cost=unit_cost,
            value=money(quantity * unit_cost),
            bin_id=into and into.id,
            org_path=receipt.org_path,
        )


def cost_text(unit_cost: Decimal) -> str:
    """A unit cost with 2 to 4 decimals: 5 gives 5.00, 0.0125 gives 0.0125."""
    text = f"{unit_cost:.4f}"
    return text[:-2] + text[-2:].rstrip("0")


def blank(warehouse_id: uuid.UUID, site_id: uuid.UUID, org_path: str, at: datetime) -> StockReceipt:
    return StockReceipt(
        id=new_id(),
        warehouse_id=warehouse_id,
        site_id=site_id,
        org_path=org_path,
        posted_at=at,
        total=Decimal("0.00"),
    )
