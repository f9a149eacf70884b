"""What finance bills in a settlement round: lines with their price steps, and who pays them. Money is text of 2 places here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from chassis.domain.money import ZERO, bounded, rate_number
from services.orders.kernel import number, quantity
from services.orders.repairs.pricing import Position, Priced, Step, price
from services.orders.repairs.shares import CUSTOMER, MAKER, Share, Term, share_out

CURRENCY = "CNY"


class BilledLine(TypedDict):
    """``quantity`` is a number (hours or pieces). Lines billed before shares were kept have neither these nor steps and tax rate."""

    kind: str
    ref: str
    description: str
    quantity: int | float
    minutes: NotRequired[int]
    unit_price: str
    steps: NotRequired[list[Step]]
    net: str
    tax_rate: NotRequired[float]
    tax: str
    total: str
    customer_amount: str
    maker_amount: str
    shares: NotRequired[list[Share]]


class Billing(TypedDict):
    """``customer_total`` and ``maker_total`` are these two payers' sums; what others pay stands in the shares."""

    round: int
    currency: str
    lines: list[BilledLine]
    customer_total: str
    maker_total: str


def billing(round_: int, lines: Sequence[Priced], terms: Iterable[Term], rest: str, rule: str = "coverage", currency: str = CURRENCY) -> Billing:
    """The lines with their shares."""
    shares = share_out([(line.net, line.tax) for line in lines], terms, rest, rule)
    return settled(round_, currency, [billed(line, of_line) for line, of_line in zip(lines, shares, strict=True)])


def billed(line: Priced, shares: list[Share]) -> BilledLine:
    position = line.position
    found: Any = {
        "kind": position.kind,
        "ref": position.ref,
        "description": position.description,
        "quantity": number(position.quantity),
        **({} if position.minutes is None else {"minutes": position.minutes}),
        "unit_price": f"{position.unit_price:.2f}",
        "steps": list(line.steps),
        "net": f"{line.net:.2f}",
        "tax_rate": rate_number(line.tax_rate),
        "tax": f"{line.tax:.2f}",
        "total": f"{line.total:.2f}",
        **{f"{payer}_amount": _of(payer, shares) for payer in (CUSTOMER, MAKER)},
        "shares": shares,
    }
    line_: BilledLine = found
    return line_


def _of(payer: str, shares: Iterable[Share]) -> str:
    return f"{sum((Decimal(share['amount']) for share in shares if share['payer'] == payer), ZERO):.2f}"


def totals(amounts: Iterable[tuple[Decimal, Decimal, str]]) -> tuple[Decimal, Decimal]:
    """Sums of the shown lines, never of anything unrounded: (customer's, maker's). With each the member of the request that is
    named where one grows too large."""
    customer = maker = ZERO
    for his, theirs, field in amounts:
        customer, maker = bounded(customer + his, field), bounded(maker + theirs, field)
    return customer, maker


def settled(round_: int, currency: str, lines: list[BilledLine]) -> Billing:
    customer, maker = totals((Decimal(line["customer_amount"]), Decimal(line["maker_amount"]), "lines") for line in lines)
    return {"round": round_, "currency": currency, "lines": lines, "customer_total": f"{customer:.2f}", "maker_total": f"{maker:.2f}"}


def rebilling(former: Billing, tax_rate: Decimal, labour: Sequence[Position] | None, charged_to: str) -> Billing:
    """The round after a reversed one: the same parts at the prices they had, labour as given now or as before; ``charged_to`` pays all of
    it. ``tax_rate``: the quote's, for what has none of its own."""
    again = [_again(line, tax_rate) for line in former["lines"] if labour is None or line["kind"] == "part"]
    return billing(former["round"] + 1, [*price(labour or (), tax_rate), *again], (), charged_to, "rebilled", former["currency"])


def _again(line: BilledLine, tax_rate: Decimal) -> Priced:
    own = line.get("tax_rate")
    rate = tax_rate if own is None else Decimal(str(own))
    position = Position(line["kind"], line["ref"], line["description"], quantity(line["quantity"]), Decimal(line["unit_price"]), line.get("minutes"))
    [listed] = price([position], rate)
    return Priced(position, tuple(line["steps"]), rate) if "steps" in line else listed


def diagnosis_fee(labour: Sequence[Position], tax_rate: Decimal) -> Billing:
    """What the customer pays for the diagnosis of a device that goes back unrepaired: this labour, or nothing."""
    return billing(1, price(labour, tax_rate), (), CUSTOMER, "diagnosis_fee")
