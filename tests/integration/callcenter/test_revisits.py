"""A completed work order is asked about once, whatever is told how often and in which order (C-40)."""

from __future__ import annotations

import io
import random
import uuid
from typing import Any

import openpyxl
import pytest

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome, retry_due
from services.callcenter.app import SERVICE
from tests.integration.callcenter.conftest import COMPLETED, Site
from tests.support.serving import Served, envelope

RESULT = {"solved": True, "score": 5, "comment": "很满意"}


def test_due_three_days_after_completion_at_the_site(api: Served, site: Site) -> None:
    task = site.revisit(completed_at="2026-11-30T16:30:00Z", number="RE26110007")
    assert (task["completed_on"], task["due_on"]) == ("2026-12-01", "2026-12-04"), "00:30 on 1 December in Shanghai"
    assert (task["state"], task["solved"], task["score"], task["comment"]) == ("open", None, None, None)
    assert (task["work_order_number"], task["site_id"], task["allowed_actions"]) == ("RE26110007", str(site.id), ["record"])
    assert api.call("GET", f"/revisits/{task['id']}").json() == task
    assert api.events(task["id"]) == [
        ("revisit.created.v1", 1, {
            "work_order_id": task["work_order_id"], "due_on": "2026-12-04", "solved": None, "score": None, "comment": None})]


def test_the_zone_is_the_sites(api: Served) -> None:
    task = Site.make(api, time_zone="America/New_York").revisit(completed_at="2026-12-01T02:00:00Z")
    assert task["completed_on"] == "2026-11-30"


def test_the_delay_is_a_parameter(api: Served, site: Site) -> None:
    id, changed = new_id(), "aftersales.gateway.parameter.changed.v1"
    assert api.tell(changed, {"key": "revisit.after_days", "value": 10}, subject=id, sequence=2) is Outcome.DONE
    assert api.tell(changed, {"key": "tax.rate", "value": 0.13}) is Outcome.DONE, "not of this service, not kept"
    try:
        assert api.tell(changed, {"key": "revisit.after_days", "value": 1}, subject=id, sequence=1) is Outcome.DONE
        assert site.revisit(completed_at="2026-11-22T09:00:00Z")["due_on"] == "2026-12-02"
    finally:
        api.tell(changed, {"key": "revisit.after_days", "value": 3}, subject=id, sequence=3)
    assert [row.key for row in api.rows("SELECT key FROM parameter_copies WHERE key = 'tax.rate'")] == []


def test_a_whole_number_is_kept_and_shown_as_one(api: Served, site: Site) -> None:
    """5.0 is an integer in JSON; it must not be told as 5.0 ever after."""
    answer = api.call("POST", f"/revisits/{site.revisit()['id']}/record", {"solved": True, "score": 5.0})
    assert answer.status_code == 200 and '"score":5,' in answer.text


def test_recorded_once_also_before_it_is_due(api: Served, site: Site) -> None:
    task = site.revisit()
    path = f"/revisits/{task['id']}/record"
    answer = api.call("POST", path, RESULT)
    assert answer.status_code == 200
    done = answer.json()
    assert (done["state"], done["solved"], done["score"], done["comment"]) == ("recorded", True, 5, "很满意")
    assert (done["recorded_by"], done["version"], done["allowed_actions"]) == ("ann", 2, [])
    again = api.call("POST", path, {"solved": False, "score": 1})
    assert (again.status_code, again.json()["code"]) == (409, "bad_transition")
    assert (again.json()["state"], again.json()["allowed_actions"]) == ("recorded", [])
    assert api.call("GET", f"/revisits/{task['id']}").json() == done
    [_, event] = api.events(task["id"])
    assert event == ("revisit.recorded.v1", 2, {"work_order_id": task["work_order_id"], "due_on": task["due_on"], **RESULT})
    journal = api.rows("SELECT action, actor, state_before, state_after FROM journal WHERE entity_id = :id ORDER BY id", id=task["id"])
    assert [tuple(row) for row in journal] == [("create", "system:callcenter.worker", None, "open"), ("record", "ann", "open", "recorded")]


def test_two_agents_at_the_same_moment(api: Served, site: Site) -> None:
    task = site.revisit()
    answers = api.together([("POST", f"/revisits/{task['id']}/record", {"solved": True, "score": n % 5 + 1}) for n in range(6)])
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    [won] = [answer.json() for answer in answers if answer.status_code == 200]
    assert api.call("GET", f"/revisits/{task['id']}").json()["score"] == won["score"]
    assert len(api.events(task["id"])) == 2


@pytest.mark.parametrize(("body", "fields"), [
    ({}, {"solved"}), ({"score": 3}, {"solved"}), ({"solved": "yes", "score": 3}, {"solved"}), ({"solved": True, "score": 0}, {"score"}),
    ({"solved": True, "score": 6}, {"score"}), ({"solved": True, "score": 4.5}, {"score"}), ({"solved": True, "score": "5"}, {"score"}),
    ({"solved": True, "score": True}, {"score"}), ({"solved": True, "score": 5, "comment": 1}, {"comment"}),
    ({"solved": True, "score": 5, "comment": "x" * 4001}, {"comment"}), ({"solved": True, "score": 5, "comment": "a\u0000"}, {"comment"}),
    ({"solved": None, "score": 9, "mood": 1}, {"solved", "score", "mood"}),
])
def test_bad_results_change_nothing(api: Served, site: Site, body: dict[str, Any], fields: set[str]) -> None:
    task = site.revisit()
    answer = api.call("POST", f"/revisits/{task['id']}/record", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert {error["field"] for error in answer.json()["errors"]} == fields
    assert api.call("GET", f"/revisits/{task['id']}").json() == task


def test_once_under_duplicates_and_in_any_order(api: Served) -> None:
    """Told thrice each (twice with the same id), shuffled, and before the site itself was told."""
    late = Site.make(api, told=False)
    told = [late.completed() for _ in range(4)]
    told += told + [envelope(COMPLETED, each["data"], subject=each["subject"], sequence=9, org_path=late.path) for each in told]
    random.Random(11).shuffle(told)
    assert {api.receive(each) for each in told} <= {Outcome.RETRY, Outcome.DUPLICATE}
    assert late.tell() is Outcome.DONE
    api.rows("UPDATE inbox SET next_at = now() WHERE state = 'retry' RETURNING 1")
    assert retry_due(SERVICE, api.database.engine) == 8
    tasks = api.call("GET", "/revisits", scope=late.path, total="true").json()
    assert tasks["total"] == 4 == len({task["work_order_id"] for task in tasks["items"]})


def test_completed_again_after_reopening_asks_nobody_anew(api: Served, site: Site) -> None:
    task = site.revisit()
    api.call("POST", f"/revisits/{task['id']}/record", RESULT)
    later = site.completed(id=task["work_order_id"], completed_at="2027-01-01T00:00:00Z")
    assert api.receive({**later, "sequence": 40}) is Outcome.DONE
    [still] = api.call("GET", "/revisits", work_order_id=task["work_order_id"]).json()["items"]
    assert (still["id"], still["state"], still["due_on"]) == (task["id"], "recorded", task["due_on"])


def test_filters_and_pages(api: Served, site: Site) -> None:
    tasks = [site.revisit(completed_at=f"2026-11-2{day}T03:00:00Z") for day in (3, 1, 2)]
    api.call("POST", f"/revisits/{tasks[0]['id']}/record", RESULT)

    def due(**query: Any) -> list[str]:
        return [task["due_on"][-2:] for task in api.call("GET", "/revisits", scope=site.path, **query).json()["items"]]

    assert due() == ["24", "25", "26"], "oldest due first"
    assert due(state="open") == ["24", "25"]
    assert due(state="recorded") == ["26"]
    assert due(due_by="2026-11-24") == ["24"]
    assert due(sort="-due_on") == ["26", "25", "24"]
    assert due(site_id=str(uuid.uuid4())) == []
    first = api.call("GET", "/revisits", scope=site.path, limit=2, total="true").json()
    rest = api.call("GET", "/revisits", scope=site.path, limit=2, cursor=first["next_cursor"]).json()
    assert first["total"] == 3
    assert len(first["items"]) == 2
    assert len(rest["items"]) == 1
    assert api.call("GET", "/revisits", sort="mood").json()["code"] == "bad_sort"


def test_another_sites_task_is_nowhere(api: Served) -> None:
    mine, theirs = Site.make(api, "/HQ/W/A1/"), Site.make(api, "/HQ/W/A2/")
    seen, hidden = mine.revisit(), theirs.revisit(number="RE26119999")
    assert api.call("GET", f"/revisits/{hidden['id']}", scope=mine.path).json()["code"] == "not_found"
    refused = api.call("POST", f"/revisits/{hidden['id']}/record", RESULT, scope=mine.path)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert [task["id"] for task in api.call("GET", "/revisits", scope=mine.path).json()["items"]] == [seen["id"]]
    nothing = api.call("GET", "/revisits", scope=mine.path, work_order_id=hidden["work_order_id"], total="true").json()
    assert nothing == {"items": [], "next_cursor": None, "total": 0}
    text = api.call("GET", "/revisits", scope=mine.path, format="csv").text
    assert "RE26119999" not in text
    assert text.count("\n") == 2
    book = openpyxl.load_workbook(io.BytesIO(api.call("GET", "/revisits", scope=mine.path, format="xlsx").content))
    assert book.active.max_row == 2
    assert api.call("GET", "/revisits", scope="/HQ/W/", total="true").json()["total"] == 2
    assert api.call("GET", "/revisits", scope="/HQ/E/", total="true").json()["total"] == 0


def test_rights(api: Served, site: Site) -> None:
    task = site.revisit()
    reader = ("callcenter.revisit.read",)
    assert api.call("GET", f"/revisits/{task['id']}", permissions=reader).json()["allowed_actions"] == []
    refused = api.call("POST", f"/revisits/{task['id']}/record", RESULT, permissions=reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
