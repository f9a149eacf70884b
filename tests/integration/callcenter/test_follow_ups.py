"""What a customer is owed who said at the revisit that it is not solved (C-40)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.callcenter.conftest import Site
from tests.support.serving import Served

NOT_SOLVED = {"solved": False, "comment": "还有异响"}


def opened(api: Served, site: Site, result: dict[str, Any] = NOT_SOLVED) -> dict[str, Any]:
    """The follow-up of a revisit that is recorded with this result."""
    revisit = site.revisit()
    assert api.call("POST", f"/revisits/{revisit['id']}/record", result).status_code == 200
    [found] = api.call("GET", "/follow-ups", work_order_id=revisit["work_order_id"]).json()["items"]
    assert isinstance(found, dict)
    return found


def test_not_solved_opens_one_and_no_second_revisit(api: Served, site: Site) -> None:
    found = opened(api, site)
    assert (found["state"], found["comment"], found["solved"], found["reason"]) == ("open", "还有异响", None, None)
    assert found["allowed_actions"] == ["solve", "close"] and found["created_by"] == "ann"
    of_order = {"work_order_id": found["work_order_id"]}
    [revisit] = api.call("GET", "/revisits", **of_order).json()["items"]
    assert revisit["id"] == found["revisit_id"] and revisit["score"] is None
    assert api.call("POST", f"/revisits/{revisit['id']}/record", NOT_SOLVED).json()["code"] == "bad_transition"
    assert len(api.call("GET", "/follow-ups", **of_order).json()["items"]) == 1
    told = [(kind, data) for kind, _, data in api.events(found["id"])]
    of_order |= {"work_order_number": revisit["work_order_number"]}
    assert told == [("follow_up.opened.v1", {**of_order, "comment": "还有异响", "solved": None, "reason": None})]


def test_solved_opens_none(api: Served, site: Site) -> None:
    revisit = site.revisit()
    assert api.call("POST", f"/revisits/{revisit['id']}/record", {"solved": True}).json()["state"] == "recorded"
    assert api.call("GET", "/follow-ups", work_order_id=revisit["work_order_id"]).json()["items"] == []


@pytest.mark.parametrize(("verb", "body", "solved"), [("solve", {}, True), ("close", {"reason": "客户已另购新机"}, False)])
def test_it_ends_once(api: Served, site: Site, verb: str, body: dict[str, Any], solved: bool) -> None:
    found = opened(api, site)
    ended = api.call("POST", f"/follow-ups/{found['id']}/{verb}", body).json()
    assert (ended["state"], ended["solved"], ended["reason"], ended["closed_by"]) == ("closed", solved, body.get("reason"), "ann")
    assert api.events(found["id"])[-1][2] == {
        "work_order_id": found["work_order_id"], "work_order_number": found["work_order_number"], "comment": "还有异响", "solved": solved,
        "reason": body.get("reason"),
    }
    for again in ("solve", "close"):
        answer = api.call("POST", f"/follow-ups/{found['id']}/{again}", {"reason": "x"} if again == "close" else {})
        assert (answer.status_code, answer.json()["code"]) == (409, "bad_transition")


def test_only_the_manager_closes_and_says_why(api: Served, site: Site) -> None:
    found = opened(api, site)
    agent = ("callcenter.follow_up.read", "callcenter.follow_up.solve")
    assert api.call("GET", f"/follow-ups/{found['id']}", permissions=agent).json()["allowed_actions"] == ["solve"]
    assert api.call("POST", f"/follow-ups/{found['id']}/close", {"reason": "x"}, permissions=agent).status_code == 403
    for body in ({}, {"reason": " "}, {"reason": None}):
        assert api.call("POST", f"/follow-ups/{found['id']}/close", body).json()["code"] == "validation_failed"
    assert api.call("POST", f"/follow-ups/{found['id']}/solve", {}, scope="/HQ/ELSEWHERE/").status_code == 404
    assert api.call("GET", f"/follow-ups/{found['id']}").json()["state"] == "open"


def test_nobody_elses_are_listed(api: Served, site: Site) -> None:
    found = opened(api, site)
    elsewhere = api.call("GET", "/follow-ups", scope="/HQ/ELSEWHERE/", limit=200).json()["items"]
    assert found["id"] not in {item["id"] for item in elsewhere}
    assert found["id"] in {item["id"] for item in api.call("GET", "/follow-ups", scope=site.path).json()["items"]}
