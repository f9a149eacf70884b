"""Revisits under many hands: one task per order however often its completion is told, one record per task."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, strategies as st

from chassis.messaging.inbox import Outcome
from tests.integration.callcenter.conftest import COMPLETED, Site
from tests.integration.concurrency.conftest import PROGRAMS, at_once
from tests.support.serving import Served, envelope


@PROGRAMS
@given(luck=st.randoms(use_true_random=False))
def test_one_task_and_one_record(callcenter: Served, luck: random.Random) -> None:
    site = Site.make(callcenter)
    first = site.completed()
    again = envelope(COMPLETED, first["data"], subject=first["subject"], sequence=9, org_path=site.path)
    deliveries = [first, again] * luck.randint(1, 3)
    luck.shuffle(deliveries)
    outcomes: list[Outcome] = []
    at_once([lambda told=told: outcomes.append(callcenter.receive(told)) for told in deliveries])  # type: ignore[misc]
    assert set(outcomes) <= {Outcome.DONE, Outcome.DUPLICATE, Outcome.RETRY}
    [task] = callcenter.call("GET", "/revisits", work_order_id=first["subject"]).json()["items"]
    answers: list[Any] = []
    bodies = [{"solved": luck.random() < 0.5, "score": luck.randint(1, 5), "comment": str(index)} for index in range(5)]
    at_once([lambda body=body: answers.append(callcenter.call("POST", f"/revisits/{task['id']}/record", body))  # type: ignore[misc]
             for body in bodies])
    [won] = [answer.json() for answer in answers if answer.status_code == 200]
    lost = [answer.json() for answer in answers if answer.status_code != 200]
    assert {(problem["status"], problem["code"]) for problem in lost} == {(409, "bad_transition")}
    now = callcenter.call("GET", f"/revisits/{task['id']}").json()
    assert now == won and {key: now[key] for key in ("solved", "score", "comment")} in bodies
    told = [(type_, sequence) for type_, sequence, _ in callcenter.events(task["id"])]
    assert told == [("revisit.created.v1", 1), ("revisit.recorded.v1", 2)]
