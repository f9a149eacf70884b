"""What the test suite publishes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import event


@event("aftersales.shop.sale.made.v1")
@dataclass(frozen=True, slots=True)
class SaleMade:
    amount: Decimal
    note: str


@event("aftersales.shop.sale.changed.v1")
@dataclass(frozen=True, slots=True)
class SaleChanged:
    amount: Decimal
    note: str


@event("aftersales.shop.sale.forgotten.v1")
@dataclass(frozen=True, slots=True)
class SaleForgotten:
    """Nobody listens to this one."""


class Sale(Base, Scoped, Aggregate):
    __tablename__ = "shop_sales"
    amount: Mapped[Decimal]
    note: Mapped[str] = mapped_column(default="")

    def make(self) -> None:
        self.record(SaleMade(self.amount, self.note))

    def change(self, amount: Decimal, note: str = "") -> None:
        self.amount, self.note = amount, note
        self.record(SaleChanged(amount, note))
