"""The repair order's transition table: what is allowed when, and that every other jump raises and changes nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chassis.domain.aggregate import new_id
from chassis.domain.errors import BadTransition
from chassis.domain.principal import Principal
from services.orders.repairs.errors import (
    BillExists,
)
from services.orders.repairs.work_order import MACHINE, State, Wait
from tests.unit.orders.builders import (
    FINDINGS,
    NOW,
    OUT,
    announced,
    positions,
    registered,
)

ACTIONS = {
    State.REGISTERED: {"assign", "start", "cancel"},
    State.IN_REPAIR: {"assign", "diagnose", "quote", "complete", "cancel"},
    State.IN_CHECK: {"check", "cancel"},
    State.READY: {"hand-over"},
    State.COMPLETED: set(),
    State.REVISITED: {"audit"},
    State.AUDITED: set(),  # ``unaudit`` once billed: tests/unit/orders/test_unaudit.py
    State.CANCELLED: set(),
}


@pytest.mark.parametrize("state", list(State))
def test_allowed_actions_by_state_and_right(state: State):
    order = registered()
    order.state = state
    everything = Principal.of("boss", "/", ["*"])
    assert set(MACHINE.allowed(order, everything)) == ACTIONS[state]
    order.waiting_for = Wait.APPROVAL
    extra = {"approve", "reject"} if state is State.IN_REPAIR else set()
    assert set(MACHINE.allowed(order, everything)) == ACTIONS[state] | extra
    agent = Principal.of(
        "ann", "/", [f"orders.work_order.{action}" for action in ("cancel", "approve", "hand_over")]
    )
    assert set(MACHINE.allowed(order, agent)) == (ACTIONS[state] | extra) & {"cancel", "approve", "hand-over"}


CALLS = {
    "assign": lambda o: o.assign(new_id(), "Li", None, None, "ann"),
    "start": lambda o: o.start("ann"),
    "diagnose": lambda o: o.diagnose(FINDINGS, OUT, "ann"),
    "quote": lambda o: o.offer(positions(), Decimal("0.13"), NOW, "ann"),
    "approve": lambda o: o.approve("x", NOW, "ann"),
    "reject": lambda o: o.reject("x", "ann"),
    "complete": lambda o: o.complete("x", None, "ann"),
    "check": lambda o: o.check(True, None, None, NOW, "ann"),
    "hand-over": lambda o: o.hand_over("x", None, NOW, "ann"),
    "audit": lambda o: o.audit("ann"),
    "unaudit": lambda o: o.unaudit("x", "ann"),
    "rebill": lambda o: o.rebill(dict.fromkeys(("round", "customer_total", "maker_total", "currency")), "ann"),
    "settle": lambda o: MACHINE.fire(o, "settle", "ann"),
    "cancel": lambda o: o.cancel("x", None, None, "ann"),
    "return_parts": lambda o: o.return_parts([], None, "ann"),
    "revisit": lambda o: o.revisit("ann"),
    "correct": lambda o: o.correct({"channel": "mail"}, None, "ann"),
    "requote": lambda o: MACHINE.fire(o, "requote", "ann"),
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("action", list(MACHINE.moves))
def test_every_jump_that_is_not_in_the_table_raises_and_changes_nothing(state: State, action: str):
    order = registered()
    announced(order)
    order.state = state
    if state in MACHINE.moves[action].sources and action not in ("approve", "reject"):
        return
    before = {key: value for key, value in order.__dict__.items() if not key.startswith("_")}
    expected = BillExists if (state, action) == (State.READY, "cancel") else BadTransition
    with pytest.raises(expected) as refused:
        CALLS[action](order)
    if expected is BadTransition:
        assert refused.value.members["state"] == state
        assert set(refused.value.members["allowed_actions"]) == ACTIONS[state]
    assert {key: value for key, value in order.__dict__.items() if not key.startswith("_")} == before
    assert "_events" not in order.__dict__ and "_journal" not in order.__dict__
