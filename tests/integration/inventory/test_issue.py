"""The storekeeper's early issue (I-23, I-50), and the worked example of section 9: 5 on hand, two issues of 3."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.inventory.store_room import StoreRoom


@pytest.mark.parametrize("_again", range(3))
def test_five_on_hand_two_parallel_issues_of_three(room: StoreRoom, _again: int) -> None:
    part = room.part()
    room.receive(part, 5)
    jobs = [room.job(), room.job()]
    with ThreadPoolExecutor(2) as threads:  # the reservations race as well
        list(threads.map(lambda job: job.approve({part: 3}), jobs))
        answers = list(threads.map(lambda job: job.issue(), jobs))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    refused = next(answer.json() for answer in answers if answer.status_code == 409)
    assert refused["code"] == "insufficient_stock"
    assert refused["parts"] == [{"part_id": part, "needed": 3, "reserved": 2, "short": 1}]
    assert room.stock(part)[0] == 2
    assert sum(item["quantity"] for item in room.ok("GET", "/stock-movements", part_id=part)["items"]) == 2
    room.check()


def test_the_same_issue_twice_at_once_posts_once(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 5)
    job = room.job().approve({part: 3})
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: job.issue(), range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {answer.json()["lines"][0]["issued"] for answer in answers} == {3}
    assert (room.stock(part), len(job.told())) == ((2, 0), 2)
    job.repaired({part: 3})
    assert (room.stock(part), job.line(part)) == ((2, 0), (3, 0, 3, 0, 0))
    room.check()


def test_an_issue_posts_all_lines_or_none(room: StoreRoom) -> None:
    there, missing = room.part(), room.part()
    room.receive(there, 5)
    job = room.job().approve({there: 1, missing: 1})
    refused = job.issue()
    assert (refused.status_code, [part["part_id"] for part in refused.json()["parts"]]) == (409, [missing])
    assert room.stock(there) == (5, 1)
    room.receive(missing, 1)
    assert [line["issued"] for line in job.issue().json()["lines"]] == [1, 1]


def test_an_issue_needs_an_approved_quote_the_right_and_the_site(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 5)
    job = room.job().quote()
    early = job.issue()
    assert (early.status_code, early.json()["code"], early.json()["state"]) == (
        409,
        "bad_transition",
        "draft",
    )
    assert early.json()["allowed_actions"] == ["reserve"]
    job.approve({part: 1})
    assert job.issue(permissions=("inventory.requisition.read",)).status_code == 403
    assert job.issue(scope="/HQ/S/").status_code == 404
    assert job.issue(headers={"If-Match": "99"}).json()["code"] == "stale_version"
    version = job.requisition["version"]
    done = job.issue(scope=room.path, headers={"If-Match": str(version), "Idempotency-Key": job.id})
    again = job.issue(scope=room.path, headers={"If-Match": str(version), "Idempotency-Key": job.id})
    assert done.json()["state"] == "out"
    assert again.json() == done.json() == job.requisition
    cancelled = room.job().approve({part: 1}).cancel().issue()  # nothing is needed, nothing happens
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "done")
