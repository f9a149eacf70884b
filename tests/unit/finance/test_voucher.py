"""What documents do to the ledger, open items and allocations (F-22, F-23, R-08, R-10), without a database."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from chassis.domain.errors import BadTransition
from services.finance.billing.bill import Bill, State
from services.finance.billing.bill_line import BillLine
from services.finance.ledger import METHODS, Allocation, Document, OpenItem, OverAllocated, Voucher, use
from services.finance.ledger.chart import CHART, PAYERS, owed_by, owes
from services.finance.ledger.errors import Unbalanced
from services.finance.ledger.voucher import balanced
from tests.support.announced import announced, loaded
from tests.support.orders_events import WORKED, billing
from tests.unit.finance.test_bill import issued

DAY = date(2026, 11, 29)
cents = st.integers(1, 10_000_000).map(lambda value: Decimal(value) / 100)


class Kept:
    """Takes what a voucher adds."""

    def __init__(self) -> None:
        self.added: list[Any] = []

    def add(self, row: Any) -> None:
        self.added.append(row)

    def of(self, kind: type) -> list[Any]:
        return [row for row in self.added if isinstance(row, kind)]


def voucher(kept: Kept | None = None) -> Voucher:
    document = Document("bill", new_id(), "BL1", new_id(), "/HQ/S/", "CNY", DAY)
    return Voucher(cast(UnitOfWork, kept or Kept()), document)


def amounts(of: Voucher) -> dict[str, Decimal]:
    return {account: amount for (account, _), amount in of._amounts.items() if amount}


def owed(of: Voucher, payer: str = "customer", amount: str = "100.00", party: uuid.UUID | None = None) -> OpenItem:
    item = of.owed(payer, party, Decimal(amount))
    assert item is not None
    return item


@pytest.mark.parametrize("payer", PAYERS)
def test_each_payer_has_an_account_and_an_item_or_nobody_is_asked(payer: str) -> None:
    kept = Kept()
    made = voucher(kept)
    item = made.owed(payer, None, Decimal("5.00"), date(2026, 12, 29))
    assert amounts(made) == {owed_by(payer): Decimal("5.00")}
    assert (item is not None) is owes(payer)
    assert [(one.payer, one.amount, one.open_amount, one.due_on) for one in kept.of(OpenItem)] == (
        [(payer, Decimal("5.00"), Decimal("5.00"), date(2026, 12, 29))] if item else [])  # fmt: skip


def test_numbers_and_codes_of_the_chart_are_taken_once() -> None:
    for name in ("code", "number"):
        values = [getattr(account, name) for account in CHART]
        assert len(values) == len(set(values))
    assert set(METHODS) == {"cash", "bank", "card", "online"}


def test_settling_is_an_allocation_and_an_entry() -> None:
    kept = Kept()
    item = owed(voucher())
    paid = voucher(kept)
    paid.settle(item, Decimal("40.00"))
    assert (item.open_amount, amounts(paid)) == (Decimal("60.00"), {"receivable_customers": Decimal("-40.00")})
    [first] = kept.of(Allocation)
    assert (first.amount, first.on, first.document_id) == (Decimal("40.00"), DAY, paid.document.id)
    paid.settle(item, Decimal("-40.00"), reverses=first)
    assert (item.open_amount, amounts(paid)) == (Decimal("100.00"), {})
    assert [one.reverses_id for one in kept.of(Allocation)] == [None, first.id]


@pytest.mark.parametrize("amount", ["100.01", "-0.01"])
def test_nothing_is_settled_beyond_what_is_open_nor_opened_beyond_what_it_was(amount: str) -> None:
    item = owed(voucher())
    with pytest.raises(OverAllocated):
        voucher().settle(item, Decimal(amount))
    assert item.open_amount == Decimal("100.00")


@given(st.lists(cents, max_size=5), cents)
def test_credit_pays_as_far_as_it_goes_oldest_first(credits: list[Decimal], debt: Decimal) -> None:
    given_ = voucher()
    items = [given_.owing("customer", None, amount) for amount in credits]
    item, paid = owed(voucher(), amount=str(debt)), voucher()
    used = use(paid, [one for one in items if one], item)
    assert used == min(sum(credits, Decimal(0)), debt) and item.open_amount == debt - used
    assert sum(paid._amounts.values()) == 0
    left = [one.open_amount for one in items if one]
    assert sum(left) == sum(credits, Decimal(0)) - used
    assert all(one == 0 for one in left[: next((n for n, one in enumerate(left) if one), len(left))]), "none is touched before the one before is used up"


def test_what_does_not_balance_is_refused() -> None:
    with pytest.raises(Unbalanced):
        balanced({("cash", None): Decimal("1.00"), ("receivable_customers", None): Decimal("-0.99")})
    kept = Kept()
    voucher(kept).post()
    assert kept.added == [], "what moves nothing posts nothing"


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


def test_of_a_bill_paid_in_part_only_that_part_is_credited() -> None:
    bill = loaded(issued(billing(*WORKED)))
    bill.pay(Decimal("100.00"), "PY1", "ann")
    bill.reverse("RV1", "x", "ann")
    [(_, told)] = announced(bill)
    assert (bill.open_amount, told["credited"]) == (Decimal("0.00"), Decimal("100.00"))


def test_a_payment_taken_back_opens_the_bill_until_its_order_is_audited() -> None:
    bill = paid()
    bill.take_back(Decimal("214.81"), "PY2", "bounced", "ann")
    assert (bill.state, bill.open_amount) == (State.OPEN, Decimal("214.81"))
    bill = paid()
    bill.audited = True
    with pytest.raises(BadTransition):
        bill.take_back(Decimal("1.00"), "PY2", "x", "ann")


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
