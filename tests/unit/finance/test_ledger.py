"""Which accounts documents move, and that postings balance (F-22, R-08)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from services.finance.billing.bill_line import BillLine
from services.finance.billing.payment import Method
from services.finance.ledger.account import Code
from services.finance.ledger.posting import Unbalanced, balanced
from services.finance.ledger.rules import bill_entries, payment_entries
from tests.support.orders_events import WORKED, billing

Line = tuple[str, str, str]
prices = st.decimals(min_value=0, max_value=99999, places=2).map(str)
quantities = st.decimals(min_value="0.001", max_value=999, places=3).map(str)
lines = st.tuples(st.sampled_from(["labour", "part"]), quantities, prices)


def of(*content: Line, maker: bool = False, rate: str = "0.13") -> list[BillLine]:
    return [BillLine.of(i, line) for i, line in enumerate(billing(*content, maker=maker, rate=rate)["lines"], 1)]


def test_worked_example_to_the_customer() -> None:
    assert bill_entries(of(*WORKED)) == {
        Code.RECEIVABLE_CUSTOMERS: Decimal("214.81"),
        Code.REVENUE_LABOUR: Decimal("-150.00"),
        Code.REVENUE_PARTS: Decimal("-40.10"),
        Code.OUTPUT_TAX: Decimal("-24.71"),
    }


def test_worked_example_to_the_maker_stands_in_an_account_of_its_own() -> None:
    entries = bill_entries(of(*WORKED, maker=True))
    assert entries[Code.RECEIVABLE_MAKERS] == Decimal("214.81")
    assert Code.RECEIVABLE_CUSTOMERS not in entries


@pytest.mark.parametrize(("method", "account"), [
    ("cash", Code.CASH), ("bank", Code.BANK), ("card", Code.CARD_CLEARING), ("online", Code.ONLINE_CLEARING),
])
def test_each_method_has_its_account(method: str, account: Code) -> None:
    assert payment_entries(method, Decimal("5.00")) == {account: Decimal("5.00"), Code.RECEIVABLE_CUSTOMERS: Decimal("-5.00")}


def test_every_method_is_posted() -> None:
    for method in Method:
        assert sum(payment_entries(method, Decimal("1.00")).values()) == 0


def test_a_bill_of_nothing_moves_nothing() -> None:
    assert bill_entries([]) == {}


def test_what_does_not_balance_is_refused() -> None:
    with pytest.raises(Unbalanced):
        balanced({Code.CASH: Decimal("1.00"), Code.RECEIVABLE_CUSTOMERS: Decimal("-0.99")})


@given(st.lists(lines, max_size=6), st.lists(lines, max_size=6), st.sampled_from(["0", "0.06", "0.13", "0.175"]))
def test_any_bill_balances(mine: list[Line], theirs: list[Line], rate: str) -> None:
    customer, maker = of(*mine, rate=rate), of(*theirs, rate=rate, maker=True)
    entries = bill_entries([*customer, *maker])
    assert sum(entries.values()) == 0
    assert entries.get(Code.RECEIVABLE_CUSTOMERS, 0) == sum(line.total for line in customer)
    assert entries.get(Code.RECEIVABLE_MAKERS, 0) == sum(line.total for line in maker)
