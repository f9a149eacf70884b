"""Labour rate (工时费率, F-01): the price of one hour before tax. Company-wide; orders keeps a copy to quote with."""

from decimal import Decimal

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base
from chassis.db.folded import key_of
from chassis.domain.aggregate import Aggregate
from chassis.domain.events import Published
from chassis.domain.money import money
from services.finance.kernel import Money


class LabourRate(Base, Aggregate):
    published = Published("aftersales.finance.labour_rate.v1", "code", "name", "hourly_rate")
    __tablename__ = "labour_rates"

    code: Mapped[str] = mapped_column(index=True)
    code_key: Mapped[str] = key_of("code")
    name: Mapped[str]
    hourly_rate: Mapped[Money]

    @classmethod
    def create(cls, code: str, name: str, hourly_rate: Decimal) -> "LabourRate":
        return cls(code=code, name=name, hourly_rate=money(hourly_rate))

    def change(self, name: str | None = None, hourly_rate: Decimal | None = None) -> None:
        """New name or price for what is quoted from now on."""
        self.name = self.name if name is None else name
        self.hourly_rate = self.hourly_rate if hourly_rate is None else money(hourly_rate)
