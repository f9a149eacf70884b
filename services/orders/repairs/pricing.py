"""Price steps (价格组成) of a line: its list price, then what is taken off it, each with its rule. They set the net, and that sets the tax, half
up per line (R-08)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from chassis.domain.errors import ValidationFailed
from chassis.domain.money import ZERO, bounded, line_net, money, split, tax_of

PERCENT = Decimal(100)


class Step(TypedDict):
    """``rule`` is ``list_price`` or ``discount``; ``amount`` before tax, as text, below zero where it is taken off. ``percent`` of what
    the steps before come to."""

    rule: str
    amount: str
    percent: NotRequired[float]
    reason: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Discount:
    """``percent`` of the net or an ``amount`` before tax, one of them; why it is given."""

    reason: str
    percent: Decimal | None = None
    amount: Decimal | None = None

    @classmethod
    def of(cls, body: dict[str, Any] | None, field: str) -> Discount | None:
        """As a request gives it; ValidationFailed unless it names exactly one of percent and amount."""
        if body is None:
            return None
        require_one(body, field)
        percent, amount = body.get("percent"), body.get("amount")
        return cls(body["reason"], None if percent is None else Decimal(str(percent)), None if amount is None else Decimal(amount))

    def step(self, taken: Decimal) -> Step:
        step: Step = {"rule": "discount", "amount": f"{-taken:.2f}", "reason": self.reason}
        return step if self.percent is None else {**step, "percent": float(self.percent)}


def require_one(body: dict[str, Any], field: str) -> None:
    """Exactly one of ``percent`` and ``amount``."""
    if ("percent" in body) is ("amount" in body):
        raise ValidationFailed.of(f"{field}.amount", "percent_or_amount" if "amount" in body else "missing")


@dataclass(frozen=True, slots=True)
class Position:
    """What is quoted before tax: ``quantity`` hours of a labour rate or pieces of a part at ``unit_price``."""

    kind: str
    ref: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    minutes: int | None = None
    """Of labour that was given in minutes; ``quantity`` then shows them as hours."""
    field: str = "lines"
    """Member of the request it comes from, where something is wrong with it."""
    tax_rate: Decimal | None = None
    """Of its own; None: the company's."""
    discount: Discount | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """A position with its steps, what they come to, and the tax on it."""

    position: Position
    steps: tuple[Step, ...]
    tax_rate: Decimal

    @property
    def net(self) -> Decimal:
        return sum((Decimal(step["amount"]) for step in self.steps), ZERO)

    @property
    def tax(self) -> Decimal:
        return tax_of(self.net, self.tax_rate)

    @property
    def total(self) -> Decimal:
        return self.net + self.tax

    def less(self, taken: Decimal, discount: Discount) -> Priced:
        return replace(self, steps=(*self.steps, discount.step(taken))) if taken else self


def price(positions: Iterable[Position], tax_rate: Decimal, discount: Discount | None = None) -> list[Priced]:
    """Each at its list price less its own discount, then all less the ``discount`` of the whole, an amount in proportion to what they come
    to. Raises ValidationFailed where more would be taken off than there is, AmountTooLarge."""
    lines = []
    for position in positions:
        listed = line_net(position.quantity, position.unit_price, position.minutes)
        step: Step = {"rule": "list_price", "amount": f"{listed:.2f}"}
        line = Priced(position, (step,), tax_rate if position.tax_rate is None else position.tax_rate)
        bounded(line.total, position.field)
        if own := position.discount:
            [taken] = _taken(own, [line.net], f"{position.field}.discount")
            line = line.less(taken, own)
        lines.append(line)
    if discount:
        taken_off = _taken(discount, [line.net for line in lines], "discount")
        lines = [line.less(taken, discount) for line, taken in zip(lines, taken_off, strict=True)]
    return lines


def of_rest(position: Position, steps: Sequence[Step], whole: Decimal, tax_rate: Decimal) -> Priced:
    """The line of what is left of ``whole`` pieces: a percentage stays one, an amount shrinks with the quantity."""
    [line] = price([replace(position, discount=None)], tax_rate)
    for step in steps[1:]:
        share = Decimal(str(step["percent"])) / PERCENT * -line.net if "percent" in step else Decimal(step["amount"]) * position.quantity / whole
        line = replace(line, steps=(*line.steps, {**step, "amount": f"{max(money(share), -line.net):.2f}"}))
    return line


def _taken(discount: Discount, nets: list[Decimal], field: str) -> list[Decimal]:
    if discount.percent is not None:
        return [money(net * discount.percent / PERCENT) for net in nets]
    assert discount.amount is not None
    whole = sum(nets, ZERO)
    if discount.amount > whole:
        raise ValidationFailed.of(f"{field}.amount", "out_of_range")
    return split(discount.amount, nets) if whole else list(nets)
