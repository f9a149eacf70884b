"""What an order's page tells of gates is what the order itself would answer: never more, never less."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from chassis.domain.errors import DomainError
from services.orders.repairs import ending, gates, views
from services.orders.repairs.billing import diagnosis_fee
from services.orders.repairs.kinds.repair import REPAIR
from services.orders.repairs.work_order import WorkOrder
from services.orders.texts import codes_of
from tests.unit.orders.builders import (
    NOW,
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

TAX = Decimal("0.13")
ACTS: dict[str, Callable[[WorkOrder, Any, Any], None]] = {
    "complete": lambda order, parts, bill: order.complete("done", parts, "ann"),
    "hand-over": lambda order, parts, bill: order.hand_over("Li", bill, NOW, "ann"),
    "return-unrepaired": lambda order, parts, bill: ending.return_unrepaired(order, diagnosis_fee([], TAX), parts, NOW, "ann"),
    "cancel": lambda order, parts, bill: ending.cancel(order, "why", parts, bill, "ann"),
}


def taken_in() -> WorkOrder:
    order = registered()
    announced(order)
    return order


def rejected() -> WorkOrder:
    """The second quote, after one whose parts may be out."""
    order = approved()
    order.offer(positions(), TAX, NOW, "ann")
    announced(order)
    order.reject("too dear", "ann")
    announced(order)
    return order


ORDERS = [taken_in, in_repair, approved, rejected, in_check, ready]


@pytest.mark.parametrize("make", ORDERS)
@pytest.mark.parametrize("store", ["unknown", "short", "reserved", "issued", "returned"])
@pytest.mark.parametrize("owed", [None, "0.00", "0.01", "135.60"])
def test_a_gate_is_told_where_the_action_is_refused(make: Callable[[], WorkOrder], store: str, owed: str | None) -> None:
    def world() -> tuple[WorkOrder, Any, Any]:
        order = make()
        known = {
            "short": {"reserved": False}, "reserved": {}, "issued": {"issued": 2}, "returned": {"issued": 2, "returned": 2}
        }.get(store)  # fmt: skip
        return order, None if known is None else parts(order, **known), None if owed is None else bill(order, owed)

    order, there, due = world()
    allowed = REPAIR.allowed(order)
    told = {action: refused.code for action, refused in gates.shut(order, allowed, there, due)}
    for action in (a for a in allowed if a in gates.GATES):
        order, there, due = world()
        try:
            ACTS[action](order, there, due)
        except DomainError as refused:
            assert told.pop(action, None) == refused.code, action
    assert not told, "an action that is not refused has no gate"


def test_every_gate_has_its_acts_and_its_words() -> None:
    assert set(ACTS) == set(gates.GATES) <= set(REPAIR.moves)
    order = ready()
    refused = gates.shut(order, ["hand-over"], None, bill(order, "135.60"))
    told = views.gate(*refused[0], "en")
    assert told["code"] == "bill_open" and "135.60" in told["text"] and "BL1" in told["text"]
    codes = {"quote_missing", "parts_not_issued", "parts_not_returned", "bill_open.amount", "bill_open.none", "bill_exists", "bad_transition", "not_overdue", "held_elsewhere",
             "owned_elsewhere"}
    assert codes == set(codes_of("gates"))
    assert views.gate(*gates.shut(order, ["hand-over"], None, None)[0], "zh")["text"] == "结算单还没有生成"
