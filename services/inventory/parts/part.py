"""Part (配件, I-01): what is stocked, reserved and sold. Company-wide; orders keeps a copy to quote with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.folded import key_of, searched
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published
from chassis.domain.money import exact_rate, money, rate_number
from services.inventory.kernel import Price


class Part(Base, Aggregate):
    """``price`` is the sales price of one unit before tax; what it cost stands in the stock ledger."""

    published = Published("aftersales.inventory.part.v1", "number", "name", "unit", "price", tax_rate=lambda part: rate_number(part.tax_rate))
    __tablename__ = "parts"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("tax_rate BETWEEN 0 AND 1", name="tax_rate"),
    )

    number: Mapped[str] = mapped_column(index=True)
    number_key: Mapped[str] = key_of("number")
    name: Mapped[str] = mapped_column(index=True)
    number_words: Mapped[str] = searched("number", index=True)
    name_words: Mapped[str] = searched("name", index=True)
    unit: Mapped[str]
    price: Mapped[Price]
    tax_rate: Mapped[Decimal | None] = mapped_column(Numeric(5, 4))
    """Of its own; None: the company's (parameter ``tax.rate``)."""
    serial_tracked: Mapped[bool]
    """Each piece has a serial number and moves by it (I-22); settled by the first movement, PartHasMovements."""

    @classmethod
    def create(
        cls, number: str, name: str, unit: str, price: str, tax_rate: float | None = None, serial_tracked: bool = False
    ) -> Part:
        rate = exact_rate(tax_rate)
        return cls(number=number, name=name, unit=unit, price=money(price), tax_rate=rate, serial_tracked=serial_tracked)

    def change(self, **fields: Any) -> None:
        """New name, unit, price or tax rate for what is quoted from now on, as a request gives them; ``serial_tracked`` before it moves."""
        read: dict[str, Any] = {"price": money, "tax_rate": exact_rate, "serial_tracked": bool}
        for name, value in fields.items():
            setattr(self, name, read.get(name, str)(value))
