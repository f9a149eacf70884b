"""Quote arithmetic: the interface's example and the catalogue's bill, to the cent (R-08)."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from chassis.domain.aggregate import new_id
from chassis.domain.errors import AmountTooLarge
from chassis.domain.money import MOST
from services.orders.devices import Coverage
from services.orders.kernel import in_hours
from services.orders.repairs import views
from services.orders.repairs.billing import rebilling
from services.orders.repairs.pricing import Position
from services.orders.repairs.quote import Quote, QuoteState
from services.orders.repairs.sections import PartReturn

TAX = Decimal("0.13")


def labour(hours: str, rate: str) -> Position:
    return Position("labour", "STD", "标准工时", Decimal(hours), Decimal(rate))


def part(quantity: str, price: str, ref: str = "p1") -> Position:
    return Position("part", ref, ref, Decimal(quantity), Decimal(price))


def made(version: int, positions: list[Position], tax_rate: Decimal, coverage: Coverage) -> Quote:
    return Quote.offer(new_id(), "/HQ/N/S/", version, positions, tax_rate, coverage)


def offer(version: int, positions: list[Position], tax_rate: Decimal, coverage: Coverage) -> dict[str, Any]:
    """As it is shown."""
    return views.quote(made(version, positions, tax_rate, coverage))


EXAMPLE = [labour("1.5", "100.00"), part("1", "25.00", "p1"), part("2", "7.55", "p2")]


def test_example_of_the_interface():
    quote = offer(1, EXAMPLE, TAX, Coverage.OUT_OF_WARRANTY)
    assert [(line["net"], line["tax"]) for line in quote["lines"]] == [
        ("150.00", "19.50"),
        ("25.00", "3.25"),
        ("15.10", "1.96"),
    ]
    assert (quote["customer_total"], quote["maker_total"], quote["currency"]) == ("214.81", "0.00", "CNY")
    assert quote["state"] == QuoteState.WAITING
    assert quote["lines"][0]["quantity"] == 1.5 and quote["lines"][1]["quantity"] == 1
    assert isinstance(quote["lines"][1]["quantity"], int)


def by_the_minute(minutes: int, rate: str) -> Position:
    return Position("labour", "STD", "标准工时", in_hours(minutes), Decimal(rate), minutes, "labour.0")


def test_minutes_are_priced_to_the_cent():
    [line] = offer(1, [by_the_minute(20, "100.00")], TAX, Coverage.OUT_OF_WARRANTY)["lines"]
    assert (line["quantity"], line["minutes"], line["net"]) == (0.333, 20, "33.33")
    [line] = offer(1, [by_the_minute(90, "100.00")], TAX, Coverage.OUT_OF_WARRANTY)["lines"]
    assert (line["quantity"], line["net"]) == (1.5, "150.00"), "the free visit's example: 90 minutes"
    assert "minutes" not in offer(1, EXAMPLE, TAX, Coverage.OUT_OF_WARRANTY)["lines"][0]


@given(st.integers(1, 599_999), st.integers(0, 999_999_999_999))
def test_minutes_against_fractions(minutes: int, cents: int):
    """Half up of minutes x rate / 60, in exact fractions of a cent."""
    exact = Fraction(minutes * cents, 60)
    expected = Decimal(math.floor(exact + Fraction(1, 2))) / 100
    assume(expected * (1 + TAX) < MOST)
    [line] = offer(1, [by_the_minute(minutes, str(Decimal(cents) / 100))], TAX, Coverage.OUT_OF_WARRANTY)["lines"]
    assert Decimal(line["net"]) == expected


def test_minutes_stay_through_a_second_round():
    quote = made(1, [by_the_minute(20, "100.00")], TAX, Coverage.OUT_OF_WARRANTY)
    again = rebilling(quote.billing([], 1), quote.tax_rate, None, "maker")
    assert [(line["minutes"], line["net"], line["maker_amount"]) for line in again["lines"]] == [(20, "33.33", "37.66")]


@pytest.mark.parametrize(("positions", "field"), [
    ([Position("labour", "X", "x", Decimal(100), Decimal("9999999999.99"), field="labour.0")], "labour.0"),
    ([Position("part", "X", "x", Decimal("999999"), Decimal("9999999999.99"), field="parts.3")], "parts.3"),
    ([Position("part", "X", "x", Decimal(1), Decimal("9999999999.99"), field="parts.0")], "parts.0"),  # tax comes to it
    ([Position("part", str(n), "x", Decimal(1), Decimal("3000000000.00"), field=f"parts.{n}") for n in range(3)], "parts"),
])  # fmt: skip
@pytest.mark.parametrize("coverage", [Coverage.IN_WARRANTY, Coverage.OUT_OF_WARRANTY])
def test_derived_amounts_are_bounded_like_typed_ones(positions: list[Position], field: str, coverage: Coverage):
    with pytest.raises(AmountTooLarge) as refused:
        offer(1, positions, TAX, coverage)
    assert refused.value.members == {"field": field}


def test_in_warranty_the_maker_pays_and_nobody_is_asked():
    quote = offer(1, EXAMPLE, TAX, Coverage.IN_WARRANTY)
    assert (quote["customer_total"], quote["maker_total"], quote["state"]) == (
        "0.00",
        "214.81",
        QuoteState.APPROVED,
    )
    assert all(
        line["customer_amount"] == "0.00" and line["maker_amount"] == line["total"] for line in quote["lines"]
    )


def test_to_check_is_charged_to_the_customer():
    assert offer(1, EXAMPLE, TAX, Coverage.TO_CHECK)["customer_total"] == "214.81"


def test_bill_example_of_the_catalogue():
    quote = offer(
        1, [part("1", price, price) for price in ("3.33", "3.33", "3.34")], TAX, Coverage.OUT_OF_WARRANTY
    )
    assert [line["tax"] for line in quote["lines"]] == ["0.43", "0.43", "0.43"]
    assert quote["customer_total"] == "11.29"


def test_nothing_quoted_is_approved_at_once():
    quote = offer(3, [], TAX, Coverage.OUT_OF_WARRANTY)
    assert (quote["lines"], quote["customer_total"], quote["maker_total"], quote["state"]) == (
        [],
        "0.00",
        "0.00",
        "approved",
    )


def returned(part_id: str, quantity: int, version: int = 1) -> PartReturn:
    return PartReturn(id=new_id(), version=version, part_id=part_id, quantity=Decimal(quantity), quality="good")


def test_returned_parts_are_needed_and_billed_no_more():
    quote = made(1, EXAMPLE, TAX, Coverage.OUT_OF_WARRANTY)
    returns = [returned("p2", 1), returned("p1", 1), returned("p2", 5, version=0)]
    assert quote.parts(returns) == {"p2": Decimal(1)}
    bill = quote.billing(returns, 1)
    assert [(line["ref"], line["quantity"], line["total"]) for line in bill["lines"]] == [
        ("STD", 1.5, "169.50"),
        ("p2", 1, "8.53"),
    ]
    assert (bill["round"], bill["customer_total"]) == (1, "178.03")


def test_without_returns_the_bill_is_the_quote():
    quote = made(1, EXAMPLE, TAX, Coverage.IN_WARRANTY)
    assert quote.billing([], 1)["lines"] == views.quote(quote)["lines"]


AMOUNTS = st.decimals("0.01", "9999.99", places=2)
QUANTITIES = st.decimals("0.001", "99.999", places=3)


@given(st.lists(st.tuples(QUANTITIES, AMOUNTS), max_size=20), st.sampled_from(list(Coverage)))
def test_totals_are_sums_of_the_shown_lines(lines: list[tuple[Decimal, Decimal]], coverage: Coverage):
    quote = offer(1, [Position("part", str(i), "x", q, p) for i, (q, p) in enumerate(lines)], TAX, coverage)
    for line, (quantity, price) in zip(quote["lines"], lines, strict=True):
        assert Decimal(str(line["quantity"])) == quantity and Decimal(line["unit_price"]) == price
        assert Decimal(line["total"]) == Decimal(line["net"]) + Decimal(line["tax"])
        assert Decimal(line["customer_amount"]) + Decimal(line["maker_amount"]) == Decimal(line["total"])
        assert abs(Decimal(line["net"]) - quantity * price) <= Decimal("0.005")
    shown = sum((Decimal(line["total"]) for line in quote["lines"]), Decimal(0))
    assert Decimal(quote["customer_total"]) + Decimal(quote["maker_total"]) == shown


@pytest.mark.parametrize(
    ("quantity", "price", "net"),
    [("0.5", "0.01", "0.01"), ("0.333", "10.00", "3.33"), ("1.005", "1.00", "1.01")],
)
def test_half_a_cent_goes_up(quantity: str, price: str, net: str):
    assert offer(1, [part(quantity, price)], TAX, Coverage.TO_CHECK)["lines"][0]["net"] == net


@pytest.mark.parametrize(("hours", "price", "named"), [("1", MOST, "parts"), ("2", MOST / 2, "labour")])
def test_a_total_that_grows_too_large_names_what_was_sent(hours: str, price: Decimal, named: str) -> None:
    """Every line alone is small enough; the request has ``labour`` and ``parts``, not ``lines``."""
    lines = [
        Position("labour", "STD", "x", Decimal(hours), (MOST / 2 - 1).quantize(Decimal("0.01")), field="labour.0"),
        Position("part", "p1", "x", Decimal(1), Decimal(price).quantize(Decimal("0.01")), field="parts.0"),
    ]
    with pytest.raises(AmountTooLarge) as refused:
        offer(1, lines, Decimal(0), Coverage.OUT_OF_WARRANTY)
    assert refused.value.members["field"] == named
