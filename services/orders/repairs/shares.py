"""Who pays a line (承担方): shares of its net and its tax, each column summing to the line's, what rounding leaves to the last.

Coverage names who pays what nobody else does: the maker in warranty, else the customer. ``Term``s come before: an insurer up to what he
approved, a maker half of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from chassis.domain.money import ZERO, money, split

PERCENT = Decimal(100)
CUSTOMER, MAKER = "customer", "maker"


class Share(TypedDict):
    """Money as text, ``amount`` is net and tax. ``rule`` says why: ``coverage``, ``percentage`` of the line, ``limit`` on the whole,
    ``rebilled``, ``diagnosis_fee``. A customer is always the document's own, so he has no ``party_id`` here."""

    payer: str
    party_id: str | None
    net: str
    tax: str
    amount: str
    rule: str
    percent: NotRequired[float]


class Term(TypedDict):
    """What somebody takes over: ``percent`` of every line, or at most ``amount`` of the whole, tax included."""

    payer: str
    party_id: str | None
    percent: NotRequired[float]
    amount: NotRequired[str]


@dataclass(slots=True)
class _Line:
    """What of a line is not yet taken over."""

    net: Decimal
    tax: Decimal
    shares: list[Share]

    @property
    def left(self) -> Decimal:
        return self.net + self.tax

    def give(self, net: Decimal, tax: Decimal, term: Term, rule: str) -> None:
        self.net, self.tax = self.net - net, self.tax - tax
        percent: Any = {"percent": term["percent"]} if "percent" in term else {}
        self.shares.append(
            {"payer": term["payer"], "party_id": term["party_id"], "net": f"{net:.2f}", "tax": f"{tax:.2f}", "amount": f"{net + tax:.2f}", "rule": rule} | percent
        )


def share_out(lines: Sequence[tuple[Decimal, Decimal]], terms: Iterable[Term], rest: str, rule: str = "coverage") -> list[list[Share]]:
    """Shares of each (net, tax): percentages first, then limits in their order, each spread over the lines in proportion to what is left of them;
    what remains is ``rest``'s. A share of nothing is left out, but for that of a line of nothing."""
    found = [_Line(net, tax, []) for net, tax in lines]
    terms, so_far = list(terms), Decimal(0)
    for term in terms:
        if "percent" in term:
            before, so_far = so_far, so_far + Decimal(str(term["percent"]))
            for line, (net, tax) in zip(found, lines, strict=True):
                # The difference of two roundings, so that shares of 100 % are the line and none is below zero.
                part = [money(whole * so_far / PERCENT) - money(whole * before / PERCENT) for whole in (net, tax)]
                line.give(part[0], part[1], term, "percentage")
    for term in terms:
        if "amount" in term:
            left = [line.left for line in found]
            taken = min(Decimal(term["amount"]), sum(left, ZERO))
            for line, part_of in zip(found, split(taken, left) if taken else [ZERO] * len(found), strict=True):
                net = money(part_of * line.net / line.left) if part_of else ZERO
                line.give(net, part_of - net, term, "limit")
    for line in found:
        line.give(line.net, line.tax, {"payer": rest, "party_id": None}, rule)
    return [[share for share in line.shares if Decimal(share["amount"])] or line.shares[-1:] for line in found]


def paid_by(payer: str, lines: Iterable[Iterable[Share]]) -> Decimal:
    return sum((Decimal(share["amount"]) for shares in lines for share in shares if share["payer"] == payer), ZERO)
