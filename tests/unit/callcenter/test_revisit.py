"""Revisit tasks (C-40), without a database."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime

import pytest

from chassis.domain.errors import BadTransition
from chassis.domain.principal import Principal
from services.callcenter.revisits.revisit import MACHINE, Revisit, State
from tests.support.announced import added, announced, loaded

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def planned(after_days: int = 3) -> Revisit:
    revisit = Revisit(work_order_id=uuid.uuid4(), completed_on=date(2026, 11, 29))
    revisit.plan(after_days, "system:callcenter.worker")
    return revisit


def test_due_days_after_completion() -> None:
    revisit = planned()
    assert (revisit.state, revisit.due_on) == (State.OPEN, date(2026, 12, 2))
    [(verb, told)] = announced(added(revisit))
    assert (verb, told["work_order_id"], told["due_on"], told["solved"]) == (
        "created", revisit.work_order_id, date(2026, 12, 2), None,
    )
    assert planned(0).due_on == date(2026, 11, 29)


def test_recorded_once() -> None:
    revisit = planned()
    loaded(revisit)
    revisit.note(False, 2, "还是漏水", "ann", NOW)
    assert (revisit.state, revisit.recorded_by, revisit.recorded_at) == (State.RECORDED, "ann", NOW)
    [(verb, told)] = announced(revisit)
    assert (verb, told["solved"], told["score"], told["comment"]) == ("recorded", False, 2, "还是漏水")
    with pytest.raises(BadTransition) as refused:
        revisit.note(True, 5, None, "bob", NOW)
    assert refused.value.members == {"state": "recorded", "allowed_actions": []}
    assert (revisit.solved, revisit.score) == (False, 2)


def test_the_action_is_offered_by_state_and_right() -> None:
    revisit = planned()
    assert MACHINE.allowed(revisit, Principal.of("ann", "/", ["callcenter.revisit.record"])) == ["record"]
    assert MACHINE.allowed(revisit, Principal.of("bob", "/", ["callcenter.revisit.read"])) == []
