"""Un-audit and the next settlement round (G-21), without a database."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chassis.domain.errors import BadTransition
from services.orders.repairs.billing import rebilling
from services.orders.repairs.facts import Bill
from services.orders.repairs.kinds.repair import REPAIR
from services.orders.repairs.pricing import Position
from services.orders.repairs.states import State
from services.orders.repairs.work_order import WorkOrder
from tests.unit.orders.builders import NOW, announced, bill, ready, registered


def audited() -> WorkOrder:
    order = ready()
    paid = bill(order, "0.00")
    for step in (
        lambda: order.hand_over("x", paid, NOW, "ann"),
        lambda: order.revisit("ann"),
        lambda: order.audit("ann"),
    ):
        step()
        announced(order)
    return order


def of_round(order: WorkOrder, round_: int, state: str) -> Bill:
    found = bill(order, "0.00" if state == "settled" else "1.00")
    found.round, found.state = round_, state
    return found


def test_an_audited_order_goes_back_and_round_two_is_settled() -> None:
    order = audited()
    assert REPAIR.allowed(order) == ["unaudit"]
    order.unaudit("wrong payer", bill(order, "0.00"), "boss")
    entry = order.__dict__["_journal"][-1]
    assert (entry.action, entry.by, entry.before, entry.after, entry.why) == (
        "unaudit", "boss", "audited", "completed", "wrong payer")  # fmt: skip
    told = announced(order)
    assert (told["type"], told["data"]["reason"]) == ("aftersales.orders.work_order.unaudited.v1", "wrong payer")
    assert (told["data"]["state"], told["data"]["billing"]["round"]) == ("completed", 1)
    assert order.reopened and REPAIR.allowed(order) == ["rebill"]

    assert order.billing is not None and order.quote is not None
    order.rebill(rebilling(order.billing, order.quote.tax_rate, None, "maker"), "ann")
    told = announced(order)
    assert told["type"] == "aftersales.orders.work_order.rebilled.v1"
    billing = told["data"]["billing"]
    # 100.00 + 13.00 labour, 20.00 + 2.60 parts, now all the maker's
    assert (billing["round"], billing["customer_total"], billing["maker_total"]) == (2, "0.00", "135.60")
    assert not order.reopened and REPAIR.allowed(order) == []

    order.note_bill(of_round(order, 2, "open"), "ann")
    order.note_bill(of_round(order, 1, "settled"), "ann")
    assert order.state is State.COMPLETED, "an open bill and one of an earlier round move nothing"
    order.note_bill(of_round(order, 2, "settled"), "ann")
    assert announced(order)["type"] == "aftersales.orders.work_order.revisited.v1"
    assert order.state is State.REVISITED
    order.audit("ann")
    assert REPAIR.allowed(order) == ["unaudit"], "again, if it must be"


def test_other_labour_and_the_same_parts() -> None:
    order = audited()
    assert order.billing is not None and order.quote is not None
    labour = [Position("labour", "STD", "hour", Decimal("0.5"), Decimal("99.99"))]
    billing = rebilling(order.billing, order.quote.tax_rate, labour, "customer")
    assert [(line["kind"], line["quantity"], line["net"], line["tax"], line["total"]) for line in billing["lines"]] == [
        ("labour", 0.5, "50.00", "6.50", "56.50"), ("part", 2, "20.00", "2.60", "22.60")]  # fmt: skip
    assert (billing["customer_total"], billing["maker_total"]) == ("79.10", "0.00")
    assert [line["kind"] for line in rebilling(order.billing, order.quote.tax_rate, [], "customer")["lines"]] == ["part"]


def test_while_it_is_reopened_nothing_moves_it_on() -> None:
    order = audited()
    order.unaudit("x", bill(order, "0.00"), "boss")
    announced(order)
    order.note_bill(of_round(order, 1, "settled"), "ann")
    assert order.state is State.COMPLETED
    for move in (lambda: order.revisit("ann"), lambda: order.audit("ann"), lambda: order.unaudit("x", bill(order, "0.00"), "ann")):
        with pytest.raises(BadTransition):
            move()


def test_history_was_never_billed_and_stays() -> None:
    order = registered()
    order.state = State.AUDITED
    assert REPAIR.allowed(order) == []
    with pytest.raises(BadTransition):
        order.unaudit("x", bill(order, "0.00"), "boss")
