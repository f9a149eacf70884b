"""Labour rate (工时费率, F-01): the price of one hour before tax. Company-wide; orders keeps a copy to quote with."""

from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.folded import key_of
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published
from chassis.domain.money import exact_rate, money, rate_number
from services.finance.kernel import Money


class LabourRate(Base, Aggregate):
    published = Published("aftersales.finance.labour_rate.v1", "code", "name", "hourly_rate", tax_rate=lambda one: rate_number(one.tax_rate))
    __tablename__ = "labour_rates"
    __table_args__ = (CheckConstraint("tax_rate BETWEEN 0 AND 1", name="tax_rate"),)

    code: Mapped[str] = mapped_column(index=True)
    code_key: Mapped[str] = key_of("code")
    name: Mapped[str]
    hourly_rate: Mapped[Money]
    tax_rate: Mapped[Decimal | None] = mapped_column(Numeric(5, 4))
    """Of its own; None: the company's (parameter ``tax.rate``)."""

    @classmethod
    def create(cls, code: str, name: str, hourly_rate: str, tax_rate: float | None = None) -> "LabourRate":
        return cls(code=code, name=name, hourly_rate=money(hourly_rate), tax_rate=exact_rate(tax_rate))

    def change(self, **fields: Any) -> None:
        """New name, price or tax rate for what is quoted from now on, as a request gives them."""
        read: dict[str, Any] = {"hourly_rate": money, "tax_rate": exact_rate}
        for name, value in fields.items():
            setattr(self, name, read.get(name, str)(value))
