"""A bill taken back, credit and what it pays (G-21, R-10): amounts, without a database."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chassis.domain.errors import BadTransition
from services.finance.billing.bill import Bill, State
from services.finance.billing.bill_line import BillLine
from services.finance.billing.credit import Credit
from services.finance.billing.errors import OverAllocated
from services.finance.ledger.account import Code
from services.finance.ledger.rules import (
    bill_entries,
    credit_entries,
    payment_entries,
    refund_entries,
    reversal_entries,
)
from tests.support.announced import announced, loaded
from tests.support.orders_events import WORKED, billing
from tests.unit.finance.test_bill import issued
from tests.unit.finance.test_ledger import of


def paid() -> Bill:
    bill = loaded(issued(billing(*WORKED)))
    bill.pay(bill.open_amount, "PY1", "ann")
    return loaded(bill)


def test_a_settled_bill_is_reversed_once_and_keeps_its_amounts() -> None:
    bill = paid()
    bill.reverse("RV1", "wrong payer", "ann")
    assert (bill.state, bill.open_amount, bill.customer_total) == (State.REVERSED, Decimal("0.00"), Decimal("214.81"))
    [(verb, told)] = announced(bill)
    assert (verb, told["state"]) == ("reversed", "reversed")
    assert (told["reversal_number"], told["credited"]) == ("RV1", Decimal("214.81"))
    with pytest.raises(BadTransition):
        bill.reverse("RV2", "again", "ann")


def test_an_open_bill_is_not_reversed() -> None:
    with pytest.raises(BadTransition):
        issued(billing(*WORKED)).reverse("RV1", "x", "ann")


@pytest.mark.parametrize(
    ("credit", "used", "open_amount", "state"),
    [("0.00", "0.00", "214.81", State.OPEN), ("100.00", "100.00", "114.81", State.OPEN),
     ("214.81", "214.81", "0.00", State.SETTLED), ("300.00", "214.81", "0.00", State.SETTLED)],
)  # fmt: skip
def test_credit_pays_a_new_bill_as_far_as_it_goes(credit: str, used: str, open_amount: str, state: State) -> None:
    content = billing(*WORKED, round=2)
    bill = Bill(number="BL2", round=2)
    lines = [BillLine.of(position, line) for position, line in enumerate(content["lines"], 1)]
    taken = bill.issue(lines, Decimal(content["customer_total"]), Decimal(content["maker_total"]), "ann", Decimal(credit))
    assert (taken, bill.open_amount, bill.state) == (Decimal(used), Decimal(open_amount), state)


@pytest.mark.parametrize("maker", [False, True])
def test_every_account_is_back_where_it_was_but_the_credit(maker: bool) -> None:
    """Bill, payment, reversal, refund: nothing is left anywhere."""
    lines = of(*WORKED, maker=maker)
    customer = Decimal("0.00") if maker else Decimal("214.81")
    steps = [bill_entries(lines), payment_entries("cash", customer), reversal_entries(lines)]
    left: dict[Code, Decimal] = {}
    for entries in steps:
        assert sum(entries.values()) == 0
        for account, amount in entries.items():
            left[account] = left.get(account, Decimal(0)) + amount
    assert {account: amount for account, amount in left.items() if amount} == (
        {} if maker else {Code.CASH: Decimal("214.81"), Code.CUSTOMER_CREDITS: Decimal("-214.81")})  # fmt: skip
    assert refund_entries("bank", customer).get(Code.BANK, Decimal(0)) == -customer


def test_a_bill_of_nothing_takes_nothing_back() -> None:
    assert reversal_entries([]) == {}
    assert credit_entries(Decimal("1.00")) == {Code.CUSTOMER_CREDITS: Decimal("1.00"), Code.RECEIVABLE_CUSTOMERS: Decimal("-1.00")}


def test_credit_never_gives_more_than_it_has() -> None:
    credit = Credit(balance=Decimal("10.00"))
    credit.spend(Decimal("4.00"), "RF1", "ann")
    with pytest.raises(OverAllocated) as refused:
        credit.spend(Decimal("6.01"), "RF2", "ann")
    assert refused.value.members["open_amount"] == Decimal("6.00") == credit.balance
