"""Price steps and shares: a bill worked by hand, and any bill against a slow one that counts in cents (F-03, F-06, R-08)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from chassis.domain.aggregate import new_id
from chassis.domain.errors import ValidationFailed
from services.orders.devices import Coverage
from services.orders.repairs.billing import Billing, billing, rebilling
from services.orders.repairs.pricing import Discount, Position, price
from services.orders.repairs.quote import Quote
from services.orders.repairs.sections import PartReturn
from services.orders.repairs.shares import Share, Term, share_out

TAX = Decimal("0.13")
INSURER, MAKER = str(new_id()), str(new_id())
PART = new_id()
POSITIONS = [
    Position("labour", "STD", "标准工时", Decimal("1.5"), Decimal("100.00"), discount=Discount("老客户", percent=Decimal(10)), field="labour.0"),
    Position("part", str(PART), "水泵", Decimal(1), Decimal("25.00"), tax_rate=Decimal("0.09"), field="parts.0"),
    Position("part", str(new_id()), "密封圈", Decimal(2), Decimal("7.55"), tax_rate=Decimal("0.06"), field="parts.1"),
]
WHOLE = Discount("周年庆", amount=Decimal("10.00"))
TERMS: list[Term] = [
    {"payer": "insurer", "party_id": INSURER, "amount": "50.00"}, {"payer": "maker", "party_id": MAKER, "percent": 50},
]  # fmt: skip


def worked() -> Billing:
    return billing(1, price(POSITIONS, TAX, WHOLE), TERMS, "customer")


def by_payer(content: Billing) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for share in shares_of(content):
        found[share["payer"]] = found.get(share["payer"], Decimal(0)) + Decimal(share["amount"])
    return found


def shares_of(content: Billing) -> Iterator[Share]:
    return (share for line in content["lines"] for share in line["shares"])


def test_a_bill_of_three_payers_three_tax_rates_and_two_discounts() -> None:
    """Worked by hand: 10 % off the labour, 10.00 off the whole, half to the maker, then 50.00 to the insurer."""
    content = worked()
    assert [([step["amount"] for step in line["steps"]], line["net"], line["tax"]) for line in content["lines"]] == [
        (["150.00", "-15.00", "-7.71"], "127.29", "16.55"), (["25.00", "-1.43"], "23.57", "2.12"), (["15.10", "-0.86"], "14.24", "0.85"),
    ]  # fmt: skip
    assert [line["tax_rate"] for line in content["lines"]] == [0.13, 0.09, 0.06]
    assert [[(share["payer"], share["net"], share["tax"]) for share in line["shares"]] for line in content["lines"]] == [
        [("maker", "63.65", "8.28"), ("insurer", "34.48", "4.48"), ("customer", "29.16", "3.79")],
        [("maker", "11.79", "1.06"), ("insurer", "6.39", "0.57"), ("customer", "5.39", "0.49")],
        [("maker", "7.12", "0.43"), ("insurer", "3.85", "0.23"), ("customer", "3.27", "0.19")],
    ]
    assert by_payer(content) == {"maker": Decimal("92.33"), "insurer": Decimal("50.00"), "customer": Decimal("42.29")}
    assert (content["customer_total"], content["maker_total"]) == ("42.29", "92.33")
    assert {share["rule"] for share in shares_of(content)} == {"percentage", "limit", "coverage"}
    assert {share["payer"]: share["party_id"] for share in shares_of(content)} == {"maker": MAKER, "insurer": INSURER, "customer": None}


def test_what_came_back_is_billed_no_more_and_the_rest_shared_anew() -> None:
    quote = Quote.offer(new_id(), "/HQ/N/S/", 1, POSITIONS, TAX, Coverage.OUT_OF_WARRANTY, WHOLE, TERMS)
    assert quote.billing([], 1) == worked()
    back = PartReturn(id=new_id(), version=1, part_id=PART, quantity=Decimal(1), quality="good")
    left = quote.billing([back], 1)
    assert [line["description"] for line in left["lines"]] == ["标准工时", "密封圈"]
    assert [line["net"] for line in left["lines"]] == ["127.29", "14.24"], "discounts stay what they were"
    assert by_payer(left)["insurer"] == Decimal("50.00"), "the limit is on the whole"
    assert sum(by_payer(left).values()) == sum(Decimal(line["total"]) for line in left["lines"])


def test_half_of_a_line_keeps_its_percentage_and_half_of_its_amount() -> None:
    two = [Position("part", str(PART), "x", Decimal(2), Decimal("10.00"), discount=Discount("x", percent=Decimal(10)))]
    quote = Quote.offer(new_id(), "/HQ/N/S/", 1, two, TAX, Coverage.OUT_OF_WARRANTY, Discount("y", amount=Decimal("3.00")))
    back = PartReturn(id=new_id(), version=1, part_id=PART, quantity=Decimal(1), quality="bad")
    [line] = quote.billing([back], 1)["lines"]
    assert [step["amount"] for step in line["steps"]] == ["10.00", "-1.00", "-1.50"]


def test_a_later_round_keeps_prices_and_charges_one() -> None:
    again = rebilling(worked(), TAX, None, "maker")
    assert [line["steps"] for line in again["lines"]] == [line["steps"] for line in worked()["lines"]]
    assert by_payer(again) == {"maker": Decimal("184.62")}
    assert {share["rule"] for share in shares_of(again)} == {"rebilled"}


@pytest.mark.parametrize(("positions", "whole", "field"), [
    ([Position("part", "p", "x", Decimal(1), Decimal("5.00"), field="parts.0", discount=Discount("x", amount=Decimal("5.01")))], None, "parts.0.discount.amount"),
    ([Position("part", "p", "x", Decimal(1), Decimal("5.00"))], Discount("x", amount=Decimal("5.01")), "discount.amount"),
    ([], Discount("x", amount=Decimal("0.01")), "discount.amount"),
])  # fmt: skip
def test_more_than_there_is_is_not_taken_off(positions: list[Position], whole: Discount | None, field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        price(positions, TAX, whole)
    assert refused.value.members["errors"] == [{"field": field, "code": "out_of_range"}]


@pytest.mark.parametrize("body", [{"reason": "x"}, {"reason": "x", "percent": 1, "amount": "1.00"}])
def test_a_discount_is_a_percentage_or_an_amount(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        Discount.of(body, "discount")


cents = st.integers(0, 500_000).map(lambda value: Decimal(value) / 100)
percents = st.integers(1, 10_000).map(lambda value: value / 100)


@st.composite
def taken_over(draw: st.DrawFn) -> list[Term]:
    """Percentages of at most 100 together, and limits, in any order."""
    terms: list[Term] = []
    left = 10_000
    for number in range(draw(st.integers(0, 4))):
        term: Term = {"payer": "insurer", "party_id": str(number)}
        if draw(st.booleans()) and left:
            part = draw(st.integers(1, left))
            left -= part
            term["percent"] = part / 100
        else:
            term["amount"] = f"{draw(cents) + Decimal('0.01'):.2f}"
        terms.append(term)
    return terms


@given(st.lists(st.tuples(cents, cents), max_size=6), taken_over())
def test_any_shares_come_to_the_line_and_nobody_pays_more_than_he_took_over(lines: list[tuple[Decimal, Decimal]], terms: list[Term]) -> None:
    shares = share_out(lines, terms, "customer")
    for (net, tax), of in zip(lines, shares, strict=True):
        assert sum(Decimal(share["net"]) for share in of) == net
        assert sum(Decimal(share["tax"]) for share in of) == tax
        assert all(Decimal(share["amount"]) == Decimal(share["net"]) + Decimal(share["tax"]) for share in of)
        assert all(min(Decimal(share["net"]), Decimal(share["tax"])) >= 0 for share in of) and of
    paid = {term["party_id"]: Decimal(0) for term in terms}
    whole = sum((net + tax for net, tax in lines), Decimal(0))
    for share in (share for of in shares for share in of if share["payer"] == "insurer"):
        paid[share["party_id"]] += Decimal(share["amount"])
    left = whole
    for term in terms:
        if "percent" in term:
            exact = whole * Decimal(str(term["percent"])) / 100
            assert abs(paid[term["party_id"]] - exact) <= Decimal("0.02") * len(lines), "a cent of each column of each line"
            left -= paid[term["party_id"]]
    for term in terms:
        if "amount" in term:
            assert paid[term["party_id"]] == min(Decimal(term["amount"]), left), "to the cent, as long as something is left"
            left -= paid[term["party_id"]]


@given(st.lists(st.tuples(st.integers(1, 9_999), st.integers(1, 100_000)), min_size=1, max_size=5), st.lists(percents, max_size=3), st.integers(0, 100))
def test_steps_come_to_the_net(goods: list[tuple[int, int]], off: list[float], part: int) -> None:
    """Each line against sums of whole cents."""
    positions = [
        Position("part", str(number), "x", Decimal(quantity) / 1000, Decimal(of) / 100,
                 discount=Discount("x", percent=Decimal(str(off[number]))) if number < len(off) else None)
        for number, (quantity, of) in enumerate(goods)
    ]  # fmt: skip
    before = price(positions, TAX)
    whole = sum((line.net for line in before), Decimal(0))
    amount = (whole * part / 100).quantize(Decimal("0.01"))
    after = price(positions, TAX, Discount("y", amount=amount) if amount else None)
    for line in after:
        assert line.net == sum((Decimal(step["amount"]) for step in line.steps), Decimal(0)) >= 0
        assert line.tax == (line.net * TAX).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    assert sum((line.net for line in after), Decimal(0)) == whole - amount
