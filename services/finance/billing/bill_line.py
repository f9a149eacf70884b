"""One line of a bill (结算单明细): how its price came about, who pays which share, and the sum rules it obeys (R-08)."""

import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Numeric, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, ScopedChild, moved_with
from chassis.domain.aggregate import new_id
from chassis.domain.money import ZERO, line_net
from services.finance.billing.errors import SumMismatch
from services.finance.kernel import Money, Quantity
from services.finance.ledger import PAYERS


class LineKind(StrEnum):
    LABOUR = "labour"
    PART = "part"


class BillLine(Base, ScopedChild):
    """What was done or fitted, priced as quoted. ``steps`` come to the net, ``shares`` to net and tax: as the order's quote has them
    (contracts/orders/events/work_order.v1.json). Never changed (R-10)."""

    __tablename__ = "bill_lines"
    __table_args__ = (
        moved_with("bill_lines"),
        UniqueConstraint("bill_id", "position"),
        CheckConstraint("sum_of(steps, 'amount') = net", name="steps"),
        CheckConstraint("sum_of(shares, 'net') = net AND sum_of(shares, 'tax') = tax AND sum_of(shares, 'amount') = total", name="shares"),
    )

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
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    net: Mapped[Money]
    tax_rate: Mapped[Decimal | None] = mapped_column(Numeric())
    """None on lines from before it was kept."""
    tax: Mapped[Money]
    total: Mapped[Money]
    shares: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)

    @classmethod
    def of(cls, position: int, data: Mapping[str, Any], customer_id: uuid.UUID | None = None) -> "BillLine":
        """A line as the order tells it: money as strings, quantity as a number. ``customer_id``: who pays what the customer pays. An order
        from before shares were kept tells two amounts instead."""
        line = cls(
            position=position,
            kind=LineKind(data["kind"]),
            ref=None if data.get("ref") is None else str(data["ref"]),
            description=data["description"],
            quantity=Decimal(str(data["quantity"])),
            minutes=data.get("minutes"),
            tax_rate=None if data.get("tax_rate") is None else Decimal(str(data["tax_rate"])),
            steps=list(data.get("steps") or [{"rule": "list_price", "amount": data["net"]}]),
            shares=[_with_party(share, customer_id) for share in data.get("shares") or _former(data)],
            **{name: Decimal(data[name]) for name in MONEY},
        )
        line.check(data)
        return line

    def paid_by(self, payer: str) -> Decimal:
        return sum((Decimal(share["amount"]) for share in self.shares if share["payer"] == payer), ZERO)

    def check(self, told: Mapping[str, Any]) -> None:
        """Raises SumMismatch, naming the line and the rule, when its own amounts do not add up."""
        amounts = [getattr(self, name) for name in MONEY]
        rules = {
            "the list price is quantity times price, half up": Decimal(self.steps[0]["amount"]) == line_net(self.quantity, self.unit_price, self.minutes),
            "net is what the steps come to": self.net == _sum(self.steps, "amount"),
            "total is net and tax": self.total == self.net + self.tax,
            "shares come to the line": all(_sum(self.shares, name) == of for name, of in (("net", self.net), ("tax", self.tax), ("amount", self.total))),
            "a share is its net and tax": all(Decimal(one["amount"]) == Decimal(one["net"]) + Decimal(one["tax"]) for one in self.shares),
            "customer and maker pay what is told": all(self.paid_by(payer) == Decimal(told[f"{payer}_amount"]) for payer in ("customer", "maker")),
            "somebody we know pays": all(share["payer"] in PAYERS for share in self.shares),
            "nothing is negative": min(self.quantity, *amounts, *_shared(self.shares)) >= 0,
            "no more than two decimals": all(_in_cents(amount) for amount in (*amounts, *_shared(self.shares), *_shared(self.steps, ("amount",)))),
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise SumMismatch(f"line {self.position}: {'; '.join(broken)}", line=self.position)


MONEY = ("unit_price", "net", "tax", "total")
SHARED = ("net", "tax", "amount")


def _former(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of two amounts, one of which is the whole."""
    payer = "maker" if Decimal(told["maker_amount"]) else "customer"
    return [{"payer": payer, "party_id": None, "net": told["net"], "tax": told["tax"], "amount": told[f"{payer}_amount"], "rule": "coverage"}]


def _with_party(share: Mapping[str, Any], customer_id: uuid.UUID | None) -> dict[str, Any]:
    party = customer_id if share["payer"] == "customer" else share["party_id"]
    return {**share, "party_id": None if party is None else str(party)}


def _sum(items: Iterable[Mapping[str, Any]], name: str) -> Decimal:
    return sum((Decimal(item[name]) for item in items), ZERO)


def _shared(items: Iterable[Mapping[str, Any]], names: Iterable[str] = SHARED) -> list[Decimal]:
    return [Decimal(item[name]) for item in items for name in names]


def _in_cents(amount: Decimal) -> bool:
    return amount == amount.quantize(Decimal("0.01"))
