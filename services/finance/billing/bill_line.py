"""One line of a bill (结算单明细) and the sum rules it obeys (R-08)."""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import new_id
from chassis.domain.money import line_net
from services.finance.billing.errors import SumMismatch
from services.finance.kernel import Money, Quantity


class LineKind(StrEnum):
    LABOUR = "labour"
    PART = "part"


class BillLine(Base, Scoped):
    """What was done or fitted, priced as quoted; its total is split between customer and maker. Never changed (R-10)."""

    __tablename__ = "bill_lines"
    __table_args__ = (UniqueConstraint("bill_id", "position"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    bill_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bills.id"))
    position: Mapped[int]
    kind: Mapped[LineKind]
    ref: Mapped[str | None]
    description: Mapped[str]
    quantity: Mapped[Quantity]
    minutes: Mapped[int | None]
    """Of labour that is priced by the minute; ``quantity`` shows them as hours."""
    unit_price: Mapped[Money]
    net: Mapped[Money]
    tax: Mapped[Money]
    total: Mapped[Money]
    customer_amount: Mapped[Money]
    maker_amount: Mapped[Money]

    @classmethod
    def of(cls, position: int, data: Mapping[str, Any]) -> "BillLine":
        """A line as the order tells it: money as strings, quantity as a number."""
        line = cls(
            position=position,
            kind=LineKind(data["kind"]),
            ref=None if data.get("ref") is None else str(data["ref"]),
            description=data["description"],
            quantity=Decimal(str(data["quantity"])),
            minutes=data.get("minutes"),
            **{name: Decimal(data[name]) for name in MONEY},
        )
        line.check()
        return line

    def check(self) -> None:
        """Raises SumMismatch, naming the line and the rule, when its own amounts do not add up."""
        rules = {
            "net is quantity times price, half up": self.net == line_net(self.quantity, self.unit_price, self.minutes),
            "total is net and tax": self.total == self.net + self.tax,
            "customer and maker pay the total": self.customer_amount + self.maker_amount == self.total,
            "nothing is negative": min(self.quantity, *(getattr(self, name) for name in MONEY)) >= 0,
            "no more than two decimals": all(_in_cents(getattr(self, name)) for name in MONEY),
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise SumMismatch(f"line {self.position}: {'; '.join(broken)}", line=self.position)


MONEY = ("unit_price", "net", "tax", "total", "customer_amount", "maker_amount")


def _in_cents(amount: Decimal) -> bool:
    return amount == amount.quantize(Decimal("0.01"))
