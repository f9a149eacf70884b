"""Arithmetic and states of a bill (F-06, R-08), without a database."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest

from chassis.domain.errors import DomainError
from services.finance.billing.bill import MACHINE, Bill, State
from services.finance.billing.bill_line import BillLine
from services.finance.billing.errors import SumMismatch
from services.finance.ledger import OverAllocated
from tests.support.announced import added, announced, loaded
from tests.support.orders_events import WORKED, billing


def issued(content: dict[str, Any]) -> Bill:
    bill = Bill(id=uuid.uuid4(), number="BL26110001", work_order_id=uuid.uuid4(), round=content["round"])
    lines = [BillLine.of(position, line) for position, line in enumerate(content["lines"], 1)]
    bill.issue(lines, Decimal(content["customer_total"]), Decimal(content["maker_total"]), "ann")
    return bill


def test_worked_example_out_of_warranty() -> None:
    bill = issued(billing(*WORKED))
    assert (bill.net_total, bill.tax_total, bill.total) == (Decimal("190.10"), Decimal("24.71"), Decimal("214.81"))
    assert (bill.customer_total, bill.maker_total) == (Decimal("214.81"), Decimal("0.00"))
    assert (bill.state, bill.open_amount) == (State.OPEN, Decimal("214.81"))


def test_worked_example_in_warranty_is_settled_at_once() -> None:
    bill = issued(billing(*WORKED, maker=True))
    assert (bill.customer_total, bill.maker_total) == (Decimal("0.00"), Decimal("214.81"))
    assert (bill.state, bill.open_amount) == (State.SETTLED, Decimal("0.00"))
    assert [entry.action for entry in bill.__dict__["_journal"]] == ["issue", "settle"]


def test_labour_by_the_minute_is_checked_by_its_minutes() -> None:
    line = {"kind": "labour", "ref": "STD", "description": "x", "quantity": 0.333, "minutes": 20, "unit_price": "100.00", "net": "33.33",
            "tax": "4.33", "total": "37.66", "customer_amount": "37.66", "maker_amount": "0.00"}
    assert BillLine.of(1, line).minutes == 20
    for wrong in ({"minutes": None}, {"minutes": 21}, {"net": "33.30", "total": "37.63"}):
        with pytest.raises(SumMismatch):
            BillLine.of(1, {**line, **wrong})


def test_tax_is_rounded_per_line() -> None:
    """Three lines of 3.33, 3.33 and 3.34 at 13 %: 0.43 each, not 1.30 on the sum."""
    bill = issued(billing(("part", "1", "3.33"), ("part", "1", "3.33"), ("part", "1", "3.34")))
    assert (bill.net_total, bill.tax_total, bill.total) == (Decimal("10.00"), Decimal("1.29"), Decimal("11.29"))


def test_a_bill_of_nothing_is_settled() -> None:
    assert issued(billing()).state is State.SETTLED


def test_the_issued_event_is_the_only_one() -> None:
    bill = issued(billing(*WORKED, maker=True))
    [(verb, told)] = announced(added(bill))
    assert (verb, told["state"], told["maker_total"], told["open_amount"]) == (
        "issued", "settled", Decimal("214.81"), Decimal("0.00"),
    )


@pytest.mark.parametrize(("name", "value"), [
    ("net", "150.01"), ("tax", "19.51"), ("total", "169.51"), ("customer_amount", "169.49"), ("maker_amount", "0.01"),
    ("unit_price", "100.004"), ("quantity", 1.51),
])
def test_a_line_that_does_not_add_up_is_refused(name: str, value: Any) -> None:
    content = billing(*WORKED)
    content["lines"][0][name] = value
    with pytest.raises(SumMismatch) as refused:
        issued(content)
    assert refused.value.members["line"] == 1


def test_nothing_on_a_bill_is_negative() -> None:
    content = billing(*WORKED)
    content["lines"][0] |= {"customer_amount": "200.00", "maker_amount": "-30.50"}
    with pytest.raises(SumMismatch, match="negative"):
        issued(content)


@pytest.mark.parametrize("total", ["customer_total", "maker_total"])
def test_totals_must_be_the_sums_of_the_lines(total: str) -> None:
    content = billing(*WORKED)
    content[total] = "214.80"
    with pytest.raises(SumMismatch, match="announced"):
        issued(content)


def paid(bill: Bill, amount: str) -> None:
    if "_stamp" not in bill.__dict__:
        moves = bill.__dict__.get("_journal", [])
        loaded(bill).__dict__["_journal"] = moves
    bill.pay(Decimal(amount), "PY26110001", "bob")


def test_payments_in_parts() -> None:
    bill = issued(billing(*WORKED))
    paid(bill, "100.00")
    assert (bill.state, bill.open_amount) == (State.OPEN, Decimal("114.81"))
    paid(bill, "114.81")
    assert (bill.state, bill.open_amount) == (State.SETTLED, Decimal("0.00"))
    assert [(verb, told["state"]) for verb, told in announced(bill)] == [("changed", "settled")]
    moves = [(e.action, e.before, e.after) for e in bill.__dict__["_journal"][1:]]
    assert moves == [("payments", "open", "open"), ("payments", "open", "settled")]


@pytest.mark.parametrize("before", ["0.01", "214.81"])
def test_more_than_is_open_is_refused(before: str) -> None:
    bill = issued(billing(*WORKED))
    paid(bill, before)
    left = bill.open_amount
    with pytest.raises(OverAllocated) as refused:
        paid(bill, str(left + Decimal("0.01")))
    assert refused.value.members == {"field": "amount", "open_amount": left}
    assert bill.open_amount == left


def test_the_table_lets_nobody_pay_a_settled_bill() -> None:
    bill = issued(billing())
    assert MACHINE.allowed(bill) == []
    with pytest.raises(DomainError) as refused:
        MACHINE.fire(bill, "payments", "bob", to=State.OPEN)
    assert refused.value.members == {"state": "settled", "allowed_actions": []}
