"""Quote arithmetic: the interface's example and the catalogue's bill, to the cent (R-08)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from services.orders.devices import Coverage
from services.orders.repairs.quote import Position, QuoteState, billing, needed, offer

TAX = Decimal("0.13")


def labour(hours: str, rate: str) -> Position:
    return Position("labour", "STD", "标准工时", Decimal(hours), Decimal(rate))


def part(quantity: str, price: str, ref: str = "p1") -> Position:
    return Position("part", ref, ref, Decimal(quantity), Decimal(price))


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


def returned(part_id: str, quantity: float, version: int = 1) -> dict[str, object]:
    return {"id": "x", "version": version, "part_id": part_id, "quantity": quantity, "quality": "good"}


def test_returned_parts_are_needed_and_billed_no_more():
    quote = offer(1, EXAMPLE, TAX, Coverage.OUT_OF_WARRANTY)
    returns = [returned("p2", 1), returned("p1", 1), returned("p2", 5, version=0)]
    assert needed(quote, returns) == {"p2": Decimal(1)}
    bill = billing(quote, returns, 1)
    assert [(line["ref"], line["quantity"], line["total"]) for line in bill["lines"]] == [
        ("STD", 1.5, "169.50"),
        ("p2", 1, "8.53"),
    ]
    assert (bill["round"], bill["customer_total"]) == (1, "178.03")


def test_without_returns_the_bill_is_the_quote():
    quote = offer(1, EXAMPLE, TAX, Coverage.IN_WARRANTY)
    assert billing(quote, [], 1)["lines"] == quote["lines"]


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
