"""Stock receipt (入库单): parts come into a warehouse at cost. A draft changes nothing and may be edited or removed (R-02); what is
posted is only reversed, unless what it brought is used (R-10)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain import folding
from chassis.domain.aggregate import Aggregate, new_id
from chassis.domain.events import Published
from chassis.domain.machine import Machine, Move
from chassis.domain.money import ZERO, bounded, money
from services.inventory.kernel import Amount, Quantity, UnitCost, number, quantity
from services.inventory.stock import Document, Warehouse


class State(StrEnum):
    """草稿, 已入库, 已红冲."""

    DRAFT = "draft"
    POSTED = "posted"
    REVERSED = "reversed"


MACHINE = Machine(
    "stock_receipt",
    State,
    initial=State.DRAFT,
    final={State.REVERSED},
    moves=[
        Move("update", {State.DRAFT}, State.DRAFT, permission="inventory.stock_receipt.update"),
        Move("post", {State.DRAFT}, State.POSTED, permission="inventory.stock_receipt.post"),
        Move("delete", {State.DRAFT}, State.DRAFT, permission="inventory.stock_receipt.delete"),
        Move("reverse", {State.POSTED}, State.REVERSED, permission="inventory.stock_receipt.reverse"),
    ],
)


class StockReceipt(Base, Scoped, Aggregate):
    """``number`` and ``posted_at`` since it was posted. Nobody hears of a draft."""

    published = Published(
        "aftersales.inventory.stock_receipt.v1", "number", "warehouse_id", "site_id", only=lambda receipt: receipt.state != State.DRAFT
    )
    __tablename__ = "stock_receipts"
    __table_args__ = (
        *(Index(None, name, "id") for name in ("posted_at", "created_at")),
        *(Index(None, name, "posted_at", "id") for name in ("warehouse_id", "site_id", "state")),
        CheckConstraint("(state = 'draft') = (number IS NULL) AND (state = 'draft') = (posted_at IS NULL)", name="posted"),
        CheckConstraint("(state = 'reversed') = (reason IS NOT NULL) AND (state = 'reversed') = (reversed_at IS NOT NULL)", name="reversed"),
    )

    number: Mapped[str | None] = mapped_column(unique=True)
    state: Mapped[State]
    warehouse_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("warehouses.id"))
    site_id: Mapped[uuid.UUID]
    posted_at: Mapped[datetime | None]
    total: Mapped[Amount]
    reversed_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    """Why it was reversed."""

    @classmethod
    def draft(cls, warehouse: Warehouse) -> StockReceipt:
        return cls(
            id=new_id(), number=None, state=State.DRAFT, warehouse_id=warehouse.id, site_id=warehouse.site_id, org_path=warehouse.org_path,
            posted_at=None, total=ZERO, reversed_at=None, reason=None,
        )  # fmt: skip

    @property
    def document(self) -> Document:
        return Document("stock_receipt", self.id)

    def add_up(self, lines: Sequence[StockReceiptLine]) -> None:
        self.total = bounded(sum((line.value for line in lines), ZERO), "lines")

    def post(self, number_: str, lines: Sequence[StockReceiptLine], by: str, at: datetime) -> None:
        """Give it its number and announce it."""
        MACHINE.fire(self, "post", by)
        self.number, self.posted_at = number_, at
        self.record("posted", lines=[line.announced() for line in lines])

    def reverse(self, reason: str, lines: Sequence[StockReceiptLine], by: str, at: datetime) -> None:
        MACHINE.fire(self, "reverse", by, why=reason)
        self.reason, self.reversed_at = reason, at
        self.record("reversed", lines=[line.announced() for line in lines])


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
    """Where it is put; None: nowhere in particular."""
    serial_numbers: Mapped[list[str]] = mapped_column(JSONB)
    """Of a part that is tracked by them, as they were written."""

    @classmethod
    def of(cls, receipt: StockReceipt, position: int, line: dict[str, Any]) -> StockReceiptLine:
        """``line`` as the API has it. Raises AmountTooLarge."""
        amount, unit_cost = quantity(line["quantity"]), Decimal(line["unit_cost"])
        return cls(
            receipt_id=receipt.id,
            position=position,
            part_id=uuid.UUID(line["part_id"]),
            quantity=amount,
            unit_cost=unit_cost,
            value=bounded(money(amount * unit_cost), f"lines.{position - 1}.unit_cost"),
            bin_id=uuid.UUID(line["bin_id"]) if "bin_id" in line else None,
            serial_numbers=[folding.tidy(text) for text in line.get("serial_numbers", ())],
            org_path=receipt.org_path,
        )

    def announced(self) -> dict[str, Any]:
        return {
            "part_id": str(self.part_id),
            "quantity": number(self.quantity),
            "unit_cost": cost_text(self.unit_cost),
            "value": f"{self.value:.2f}",
        }


def cost_text(unit_cost: Decimal) -> str:
    """A unit cost with 2 to 4 decimals: 5 gives 5.00, 0.0125 gives 0.0125."""
    text = f"{unit_cost:.4f}"
    return text[:-2] + text[-2:].rstrip("0")
