"""Part (配件, I-01): what is stocked, reserved and sold. Company-wide; orders keeps a copy to quote with."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.folded import key_of, searched
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published
from chassis.domain.money import money
from services.inventory.kernel import Price


class Part(Base, Aggregate):
    """``price`` is the sales price of one unit before tax; what it cost stands in the stock ledger."""

    published = Published("aftersales.inventory.part.v1", "number", "name", "unit", "price")
    __tablename__ = "parts"
    __table_args__ = (CheckConstraint("price >= 0", name="price"),)

    number: Mapped[str] = mapped_column(index=True)
    number_key: Mapped[str] = key_of("number")
    name: Mapped[str] = mapped_column(index=True)
    number_words: Mapped[str] = searched("number", index=True)
    name_words: Mapped[str] = searched("name", index=True)
    unit: Mapped[str]
    price: Mapped[Price]

    @classmethod
    def create(cls, number: str, name: str, unit: str, price: Decimal) -> Part:
        return cls(number=number, name=name, unit=unit, price=money(price))

    def change(self, name: str | None = None, unit: str | None = None, price: Decimal | None = None) -> None:
        """New name, unit or price for what is quoted from now on."""
        self.name = self.name if name is None else name
        self.unit = self.unit if unit is None else unit
        self.price = self.price if price is None else money(price)
