"""How an order ends without its repair (O-85): cancelled when inventory says so, back unrepaired, collected by nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from services.orders.devices import Coverage
from services.orders.repairs import ending, gates
from services.orders.repairs.billing import diagnosis_fee
from services.orders.repairs.errors import BillOpen, NotOverdue, PartsNotReturned
from services.orders.repairs.facts import Parts
from services.orders.repairs.kinds.repair import REPAIR
from services.orders.repairs.pricing import Position
from services.orders.repairs.states import State, Wait
from services.orders.repairs.work_order import WorkOrder
from tests.unit.orders.builders import (
    NOW,
    P1,
    announced,
    approved,
    bill,
    in_check,
    in_repair,
    parts,
    positions,
    ready,
    registered,
)

HOUR = Position("labour", "STD", "标准工时", Decimal("0.5"), Decimal("100.00"))


def answered(order: WorkOrder, **how: float) -> Parts:
    """Inventory's answer to a cancel: nothing is reserved any more."""
    found = parts(order, **how)
    found.cancelled = True
    for line in found.lines:
        line["reserved"] = 0
    return found


def rejected(again: bool = False) -> WorkOrder:
    """``again``: a quote after one that was approved and reserved."""
    order = approved() if again else in_repair()
    order.offer(positions(), Decimal("0.13"), NOW, "ann")
    announced(order)
    order.reject("too dear", "ann")
    announced(order)
    return order


def taken_in() -> WorkOrder:
    order = registered()
    announced(order)
    return order


@pytest.mark.parametrize("make", [taken_in, in_repair, rejected])
def test_what_never_asked_for_parts_is_cancelled_at_once(make: Callable[[], WorkOrder]):
    order = make()
    ending.cancel(order, "sold", None, None, "ann")
    event = announced(order)
    assert (event["type"], event["data"]["state"]) == ("aftersales.orders.work_order.cancelled.v1", "cancelled")


def test_so_is_what_has_nothing_reserved_nor_out():
    order = approved()
    short = parts(order, reserved=False)
    short.lines[0]["reserved"] = 0
    ending.cancel(order, "sold", short, None, "ann")
    assert order.state is State.CANCELLED


@pytest.mark.parametrize("known", ["reserved", "nothing yet", "of another version"])
def test_otherwise_inventory_ends_the_cancel(known: str):
    order = approved()
    told = None if known == "nothing yet" else parts(order, version=7 if known == "of another version" else None)
    ending.cancel(order, "sold", told, None, "ann")
    event = announced(order)
    assert event["type"].endswith(".cancelling.v1") and event["data"]["needed"] == []
    assert (order.state, order.waiting_for, REPAIR.allowed(order)) == (State.CANCELLING, None, [])
    order.note_parts(parts(order), "system")
    assert order.state is State.CANCELLING, "what it said before it knew"
    order.note_parts(answered(order), "system")
    event = announced(order)
    assert event["type"].endswith(".cancelled.v1") and (order.state, order.approved_version) == (State.CANCELLED, None)
    assert order.cancel_reason == "sold"
    order.note_parts(answered(order), "system")
    assert order.take_events() == [], "once"


def test_parts_that_turn_out_to_be_out_bring_it_back():
    order = approved()
    ending.cancel(order, "sold", parts(order), None, "ann")
    announced(order)
    order.note_parts(answered(order, issued=2), "system")
    event = announced(order)
    assert event["type"].endswith(".cancel_refused.v1") and event["data"]["needed"] == [{"part_id": P1, "quantity": 2}]
    assert (order.state, order.waiting_for, order.cancel_reason) == (State.IN_REPAIR, Wait.PARTS, None)
    order.note_parts(parts(order, issued=2), "system")
    announced(order)
    assert order.waiting_for is None, "as it was"
    with pytest.raises(PartsNotReturned):
        ending.cancel(order, "sold", parts(order, issued=2), None, "ann")


def test_a_quote_that_waited_waits_again():
    order = approved()
    order.offer(positions(), Decimal("0.13"), NOW, "ann")
    announced(order)
    ending.cancel(order, "sold", parts(order, version=1), None, "ann")
    announced(order)
    order.note_parts(answered(order, issued=1), "system")
    announced(order)
    assert (order.state, order.waiting_for, order.approved_version) == (State.IN_REPAIR, Wait.APPROVAL, None)


@pytest.mark.parametrize(("labour", "total"), [([], "0.00"), ([HOUR], "56.50")])
def test_a_refused_quote_goes_back_unrepaired(labour: list[Position], total: str):
    order = rejected()
    ending.return_unrepaired(order, diagnosis_fee(labour, Decimal("0.13")), None, NOW, "ann")
    event = announced(order)
    assert event["type"].endswith(".unrepaired.v1")
    data = event["data"]
    assert (data["state"], data["unrepaired"], data["needed"], data["waiting_for"]) == ("ready", True, [], None)
    assert (data["billing"]["customer_total"], data["billing"]["maker_total"]) == (total, "0.00")
    assert data["ready_at"] == "2026-11-22T08:00:00Z"
    with pytest.raises(BillOpen):
        order.hand_over("x", bill(order, "0.01"), NOW, "ann")
    order.hand_over("x", bill(order, "0.00"), NOW, "ann")
    assert order.state is State.COMPLETED


def test_the_fee_is_the_customers_whatever_the_coverage():
    billing = diagnosis_fee([HOUR], Decimal("0.13"))
    assert {line["maker_amount"] for line in billing["lines"]} == {"0.00"} and Coverage.IN_WARRANTY


@pytest.mark.parametrize("known", [None, "behind", "out"])
def test_not_while_parts_of_an_earlier_quote_may_be_out(known: str | None):
    order = rejected(again=True)
    told = {None: None, "behind": parts(order, version=1)}.get(known, parts(order, issued=1))
    with pytest.raises(PartsNotReturned) as refused:
        ending.return_unrepaired(order, diagnosis_fee([], Decimal("0.13")), told, NOW, "ann")
    assert refused.value.waits and order.state is State.IN_REPAIR
    back = parts(order, issued=1, returned=1)
    back.quote_version, back.lines[0]["reserved"] = None, 0
    ending.return_unrepaired(order, diagnosis_fee([], Decimal("0.13")), back, NOW, "ann")
    assert order.state is State.READY


def test_what_nobody_collected_is_closed_when_overdue():
    order = ready()
    with pytest.raises(NotOverdue) as refused:
        gates.overdue(order, NOW + timedelta(days=29, hours=23), 30)
    assert refused.value.members["overdue_at"] == NOW + timedelta(days=30)
    gates.overdue(order, NOW + timedelta(days=30), 30)
    ending.close_uncollected(order, "moved away", NOW, "boss")
    event = announced(order)
    assert event["type"].endswith(".uncollected.v1") and event["data"]["state"] == "revisited"
    assert (order.uncollected_reason, order.sections.hand_over) == ("moved away", None)
    order.audit("boss")
    announced(order)
    with pytest.raises(BillOpen):
        order.unaudit("x", bill(order, "135.60"), "boss")
    order.unaudit("x", bill(order, "0.00"), "boss")


def test_a_repair_in_check_comes_back_to_check():
    order = in_check()
    order.state, order.promised_at = State.CANCELLING, NOW  # its parts went out and came back while the cancel was on its way
    order.note_parts(answered(order, issued=2), "system")
    assert (order.state, order.waiting_for, order.repaired) == (State.IN_CHECK, None, True)
