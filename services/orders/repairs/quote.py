"""Quotation (报价单, F-05): lines priced from read copies, tax per line half up (R-08), split between customer and maker.

A line as stored, billed and sent: ``{kind: labour|part, ref, description, quantity (number), minutes?, unit_price, net, tax, total,
customer_amount, maker_amount}`` with money as strings of 2 places; ``ref`` is the rate's code or the part's id; ``minutes`` stands on
labour that was given in minutes and is priced by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from chassis.domain.money import ZERO, bounded, line_net, money, tax_of
from services.orders.devices import Coverage
from services.orders.kernel import Document, number, quantity

CURRENCY = "CNY"
DEFAULT_TAX_RATE = Decimal("0.13")
QUOTE_FIELDS = (
    "version",
    "state",
    "coverage",
    "tax_rate",
    "lines",
    "customer_total",
    "maker_total",
    "currency",
    "approved_by",
    "reason",
)


class QuoteState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    VOID = "void"


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


def priced(position: Position, tax_rate: Decimal, coverage: Coverage) -> Document:
    """One line: net and tax each half up; in warranty the maker pays all of it, otherwise the customer."""
    net = line_net(position.quantity, position.unit_price, position.minutes)
    tax = tax_of(net, tax_rate)
    total = bounded(net + tax, position.field)
    customer = ZERO if coverage is Coverage.IN_WARRANTY else total
    return {
        "kind": position.kind,
        "ref": position.ref,
        "description": position.description,
        "quantity": number(position.quantity),
        **({} if position.minutes is None else {"minutes": position.minutes}),
        "unit_price": str(money(position.unit_price)),
        "net": str(net),
        "tax": str(tax),
        "total": str(total),
        "customer_amount": str(customer),
        "maker_amount": str(total - customer),
    }


def offer(version: int, positions: Iterable[Position], tax_rate: Decimal, coverage: Coverage) -> Document:
    """A new version. When the customer owes nothing it needs no answer and is approved at once."""
    positions = list(positions)
    lines = [priced(position, tax_rate, coverage) for position in positions]
    largest = max(zip(lines, positions, strict=True), key=lambda pair: Decimal(pair[0]["total"]))[1] if lines else None
    totals = totals_of(lines, largest.field.partition(".")[0] if largest else "lines")
    free = Decimal(totals["customer_total"]) == 0
    return {
        "version": version,
        "state": (QuoteState.APPROVED if free else QuoteState.WAITING).value,
        "tax_rate": str(tax_rate),
        "coverage": coverage.value,
        "lines": lines,
        "currency": CURRENCY,
        **totals,
    }


def totals_of(lines: Sequence[Document], field: str = "lines") -> dict[str, str]:
    """Sums of the shown lines, never of anything unrounded. ``field``: member of the request that is named where one grows too large."""
    return {
        f"{payer}_total": str(bounded(sum((Decimal(line[f"{payer}_amount"]) for line in lines), ZERO), field))
        for payer in ("customer", "maker")
    }


def total_by_part(lines: Sequence[Document]) -> dict[str, Decimal]:
    """Quantities of ``{part_id, quantity}`` summed by part: what a limit of a part is held against, however many lines there are."""
    totals: dict[str, Decimal] = {}
    for line in lines:
        totals[line["part_id"]] = totals.get(line["part_id"], Decimal(0)) + quantity(line["quantity"])
    return totals


def needed(quote: Document, returns: Sequence[Document]) -> dict[str, Decimal]:
    """Parts of the quote by part id, less what was returned under its version; parts no longer needed are left out."""
    left = {line["ref"]: quantity(line["quantity"]) for line in quote["lines"] if line["kind"] == "part"}
    for item in returns:
        if item["version"] == quote["version"] and item["part_id"] in left:
            left[item["part_id"]] -= quantity(item["quantity"])
    return {part_id: rest for part_id, rest in left.items() if rest > 0}


def billing(quote: Document, returns: Sequence[Document], round_: int) -> Document:
    """What finance bills: the approved lines, parts only as far as they stayed in the device (billed = issued - returned)."""
    left = needed(quote, returns)
    lines: list[dict[str, Any]] = []
    for line in quote["lines"]:
        kept = left.get(line["ref"], Decimal(0)) if line["kind"] == "part" else quantity(line["quantity"])
        if kept == quantity(line["quantity"]):
            lines.append(line)
        elif kept > 0:
            position = Position(
                line["kind"], line["ref"], line["description"], kept, Decimal(line["unit_price"])
            )
            lines.append(priced(position, Decimal(quote["tax_rate"]), Coverage(quote["coverage"])))
    return {"round": round_, "currency": quote["currency"], "lines": lines, **totals_of(lines)}


def rebilling(
    former: Document, quote: Document, labour: Sequence[Position] | None, charged_to: str
) -> Document:
    """The round after a reversed one: the same parts at the prices they had, labour as given now or as before, at the
    quote's tax rate; ``charged_to`` customer or maker pays all of it."""
    kept = [
        Position(
            line["kind"],
            line["ref"],
            line["description"],
            quantity(line["quantity"]),
            Decimal(line["unit_price"]),
            line.get("minutes"),
        )
        for line in former["lines"]
        if labour is None or line["kind"] == "part"
    ]
    payer = Coverage.IN_WARRANTY if charged_to == "maker" else Coverage.OUT_OF_WARRANTY
    lines = [priced(each, Decimal(quote["tax_rate"]), payer) for each in (*(labour or ()), *kept)]
    return {
        "round": former["round"] + 1,
        "currency": former["currency"],
        "lines": lines,
        **totals_of(lines),
    }
