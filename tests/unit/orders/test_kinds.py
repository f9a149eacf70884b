"""A kind of order more is its transition table: what it leaves out is refused, what it allows is the same code."""

from __future__ import annotations

import pytest

from chassis.domain.aggregate import new_id
from chassis.domain.errors import BadTransition
from chassis.domain.machine import Machine, Move
from services.orders.repairs.kinds import KINDS
from services.orders.repairs.states import State
from services.orders.repairs.work_order import WorkOrder
from tests.support.announced import added, loaded
from tests.unit.orders.builders import FINDINGS, NOW, OUT


@pytest.fixture
def survey(monkeypatch: pytest.MonkeyPatch) -> WorkOrder:
    """A look at a device without quote, check or hand-over; it is taken in as started."""
    table = Machine(
        "survey",
        State,
        initial=State.IN_REPAIR,
        final={State.CANCELLED},
        moves=[
            Move("diagnose", {State.IN_REPAIR}, State.COMPLETED, permission="orders.work_order.diagnose"),
            Move("cancel", {State.IN_REPAIR}, State.CANCELLED, permission="orders.work_order.cancel"),
        ],
    )
    del Machine.registry["survey"]  # the registry is for the machines of the product
    monkeypatch.setitem(KINDS, "survey", table)
    return added(
        WorkOrder.register(
            "ann", OUT, kind="survey", number="RE26110002", channel="counter", site_id=new_id(), org_path="/HQ/N/S1/",
            time_zone="Asia/Shanghai", problem="dead", registered_at=NOW,
        )
    )  # fmt: skip


def test_a_kind_begins_and_moves_as_its_table_says(survey: WorkOrder) -> None:
    assert (survey.state, survey.machine.allowed(survey)) == (State.IN_REPAIR, ["diagnose", "cancel"])
    loaded(survey)
    survey.diagnose(FINDINGS, OUT, "ann")
    assert (survey.state, survey.machine.allowed(survey)) == (State.COMPLETED, [])
    assert survey.sections.diagnosis is not None and survey.sections.diagnosis.symptom == "s"


def test_what_its_table_leaves_out_is_refused_and_changes_nothing(survey: WorkOrder) -> None:
    loaded(survey)
    for attempt in (lambda: survey.start("ann"), lambda: survey.hand_over("he", None, NOW, "ann"), lambda: survey.audit("ann")):
        with pytest.raises(BadTransition) as refused:
            attempt()
        assert refused.value.members["allowed_actions"] == ["diagnose", "cancel"]
    assert survey.state is State.IN_REPAIR and survey.sections.hand_over is None
