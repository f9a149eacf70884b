"""What the test suite publishes."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published


class Sale(Base, Scoped, Aggregate):
    published = Published("aftersales.shop.sale.v1", "amount", "note")
    __tablename__ = "shop_sales"
    amount: Mapped[Decimal]
    note: Mapped[str] = mapped_column(default="")

    def make(self) -> None:
        self.record("made")

    def change(self, amount: Decimal, note: str = "") -> None:
        self.amount, self.note = amount, note
