"""The repair order's transition table: what is allowed when, and that every other jump raises and changes nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chassis.domain.aggregate import new_id
from chassis.domain.errors import BadTransition
from chassis.domain.principal import Principal
from services.orders.repairs import ending
from services.orders.repairs.billing import diagnosis_fee
from services.orders.repairs.errors import (
    BillExists,
)
from services.orders.repairs.kinds.repair import REPAIR
from services.orders.repairs.quote import QuoteState
from services.orders.repairs.states import State, Wait
from tests.support.announced import loaded
from tests.unit.orders.builders import (
    FINDINGS,
    IN,
    NOW,
    OUT,
    announced,
    approved,
    in_check,
    in_repair,
    positions,
    ready,
    registered,
)

ACTIONS = {
    State.REGISTERED: {"assign", "start", "cancel"},
    State.IN_REPAIR: {"assign", "diagnose", "quote", "complete", "cancel"},
    State.IN_CHECK: {"check", "cancel"},
    State.READY: {"hand-over", "close-uncollected"},
    State.COMPLETED: set(),
    State.REVISITED: {"audit"},
    State.AUDITED: set(),  # ``unaudit`` once billed: tests/unit/orders/test_unaudit.py
    State.CANCELLING: set(),
    State.CANCELLED: set(),
}


@pytest.mark.parametrize("state", list(State))
def test_allowed_actions_by_state_and_right(state: State):
    order = registered()
    order.state = state
    everything = Principal.of("boss", "/", ["*"])
    assert set(REPAIR.allowed(order, everything)) == ACTIONS[state]
    order.waiting_for = Wait.APPROVAL
    extra = {"approve", "reject"} if state is State.IN_REPAIR else set()
    assert set(REPAIR.allowed(order, everything)) == ACTIONS[state] | extra
    agent = Principal.of(
        "ann", "/", [f"orders.work_order.{action}" for action in ("cancel", "approve", "hand_over")]
    )
    assert set(REPAIR.allowed(order, agent)) == (ACTIONS[state] | extra) & {"cancel", "approve", "hand-over"}


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
    "unaudit": lambda o: o.unaudit("x", None, "ann"),
    "rebill": lambda o: o.rebill(dict.fromkeys(("round", "customer_total", "maker_total", "currency")), "ann"),
    "settle": lambda o: REPAIR.fire(o, "settle", "ann"),
    "cancel": lambda o: ending.cancel(o, "x", None, None, "ann"),
    "confirm_cancel": lambda o: REPAIR.fire(o, "confirm_cancel", "ann"),
    "refuse_cancel": lambda o: REPAIR.fire(o, "refuse_cancel", "ann", to=State.IN_REPAIR),
    "return-unrepaired": lambda o: ending.return_unrepaired(o, diagnosis_fee([], Decimal("0.13")), None, NOW, "ann"),
    "close-uncollected": lambda o: ending.close_uncollected(o, "x", NOW, "ann"),
    "return_parts": lambda o: o.return_parts([], None, "ann"),
    "revisit": lambda o: o.revisit("ann"),
    "correct": lambda o: o.correct({"channel": "mail"}, None, "ann"),
    "requote": lambda o: REPAIR.fire(o, "requote", "ann"),
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("action", list(REPAIR.moves))
def test_every_jump_that_is_not_in_the_table_raises_and_changes_nothing(state: State, action: str):
    order = registered()
    order.state = state
    loaded(order)
    if state in REPAIR.moves[action].sources and action not in ("approve", "reject", "return-unrepaired"):
        return
    before = {key: value for key, value in order.__dict__.items() if not key.startswith("_")}
    expected = BillExists if (state, action) == (State.READY, "cancel") else BadTransition
    with pytest.raises(expected) as refused:
        CALLS[action](order)
    if expected is BadTransition:
        assert refused.value.members["state"] == state
        assert set(refused.value.members["allowed_actions"]) == ACTIONS[state]
    assert {key: value for key, value in order.__dict__.items() if not key.startswith("_")} == before
    assert order.take_events() == [] and "_journal" not in order.__dict__


def corrected(name: str) -> dict[str, object]:
    values: dict[str, object] = {"problem": "leaks", "channel": "mail"}
    return {name: values.get(name, new_id())}


@pytest.mark.parametrize("field", ["customer_id", "device_id", "problem", "channel"])
@pytest.mark.parametrize("make", [registered, in_repair, approved, in_check])
def test_what_can_be_corrected_and_what_the_journal_keeps_of_it(make, field: str):
    order = make()
    loaded(order)
    state, quote, before, fields = order.state, order.quote, getattr(order, field), corrected(field)
    assert order.correct(fields, None, "ann")
    [entry] = order.__dict__["_journal"]
    [change] = entry.data["changes"]
    plain = [value if value is None or isinstance(value, str) else str(value) for value in (before, fields[field])]
    assert (entry.action, entry.by, change) == ("correct", "ann", {"field": field, "from": plain[0], "to": plain[1]})
    data = announced(order)["data"]
    assert (data["corrected"], data["state"], data["former_path"]) == ([field], state.value, None)
    assert (order.state, order.quote, getattr(order, field)) == (state, quote, fields[field])
    assert order.correct(fields, None, "ann") is False and "_journal" not in order.__dict__, "what is so already"


@pytest.mark.parametrize(
    ("make", "decision", "state", "quote"),
    [
        (registered, IN, State.REGISTERED, None), (in_repair, IN, State.IN_REPAIR, None),
        (approved, IN, State.IN_REPAIR, QuoteState.VOID), (approved, OUT, State.IN_REPAIR, QuoteState.APPROVED),
        (in_check, IN, State.IN_REPAIR, QuoteState.VOID), (in_check, OUT, State.IN_CHECK, QuoteState.APPROVED),
    ],
)  # fmt: skip
def test_a_decision_that_has_another_pay_voids_the_quote(make, decision, state: State, quote: QuoteState | None):
    order = make()
    loaded(order)
    assert order.correct(corrected("device_id"), decision, "ann")
    told = announced(order)["data"]
    void = quote is QuoteState.VOID
    assert (order.state, order.coverage, order.quote and order.quote.state) == (state, decision.coverage, quote)
    assert ("coverage" in told["corrected"]) is (decision is IN)
    assert (order.approved_version is None, order.needed() == {}) == ((True, True) if void or quote is None else (False, False))
    assert order.repaired is (state is State.IN_CHECK)


def test_nothing_is_corrected_once_billed():
    order = ready()
    for fields in ({"problem": "x"}, {"customer_id": new_id()}, {}):
        with pytest.raises(BillExists):
            order.correct(fields, IN, "ann")
