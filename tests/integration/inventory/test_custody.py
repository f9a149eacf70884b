"""Parts come from where the device is: the store follows it to another site, and back (O-101, I-24, I-50, I-51, I-60)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from chassis.messaging.inbox import Outcome
from tests.integration.inventory.store_room import Job, Slip, StoreRoom
from tests.integration.inventory.test_reservations import hold
from tests.support.serving import Served


@pytest.fixture
def other(inventory: Served) -> StoreRoom:
    """Another site, which has the device for a while."""
    return StoreRoom(inventory)


def at(room: StoreRoom, part: str) -> tuple[float, float]:
    """(on hand, reserved) in the good warehouse."""
    return room.stock(part)


def refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (409, "held_elsewhere"), answer.text


def test_reservations_follow_the_device_and_come_back(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 3)
    other.receive(part, 5)
    second = other.warehouse("A0")  # before the first by code
    other.receive(part, 1, warehouse=second)
    job = room.job().approve({part: 3})
    job.send(other)
    assert (at(room, part), at(other, part), job.requisition["site_id"]) == ((3, 3), (5, 0), room.site_id), "on the road it is still the giver's"
    assert (job.requisition["held_site_id"], job.requisition["bound_site_id"]) == (None, other.site_id)
    job.arrive()
    assert (at(room, part), at(other, part), other.stock(part, second)) == ((3, 0), (5, 2), (1, 1))
    found = job.requisition
    assert (found["site_id"], found["held_site_id"], found["bound_site_id"]) == (other.site_id, other.site_id, None)
    assert job.line(part) == (3, 3, 0, 0, 0)
    job.go(room)
    assert (at(room, part), at(other, part), other.stock(part, second)) == ((3, 3), (5, 0), (1, 0))
    assert (job.requisition["site_id"], job.requisition["held_site_id"]) == (room.site_id, None)
    assert len(job.told()) == 1, "nothing new for the order: all is reserved"
    room.check()


def test_what_becomes_free_serves_who_waits_there(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2)
    job, waits = room.job().approve({part: 2}), room.job().approve({part: 1})
    theirs = other.job().approve({part: 1})
    other.receive(part, 2)
    job.go(other)
    assert (waits.line(part), job.line(part), theirs.line(part)) == ((1, 1, 0, 0, 0), (2, 1, 0, 0, 1), (1, 1, 0, 0, 0))
    assert (job.told()[-1]["reserved_all"], waits.told()[-1]["reserved_all"]) == (False, True)
    sheet = room.ok("GET", "/shortages", site_id=other.site_id)["items"]
    assert [(item["work_order_id"], item["site_id"], item["short"]) for item in sheet] == [(job.id, other.site_id, 1)]
    other.receive(part, 1)
    assert (job.line(part), room.ok("GET", "/shortages", site_id=room.site_id)["items"]) == ((2, 2, 0, 0, 0), [])
    room.check()


def test_the_oldest_promise_is_served_first_also_of_one_who_arrives(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    job, younger = room.job(), other.job()
    younger.approve({part: 2})
    job.approve({part: 2}).go(other)
    other.receive(part, 3)
    assert (job.line(part), younger.line(part)) == ((2, 2, 0, 0, 0), (2, 1, 0, 0, 1))
    room.check()


def test_what_is_out_stays_out_and_comes_back_to_the_holder_at_its_cost(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 4, "10.00")
    other.receive(part, 1, "30.00")
    job = room.job().approve({part: 3})
    assert job.issue().status_code == 200
    job.go(other)
    assert (job.line(part), at(room, part), at(other, part)) == ((3, 0, 3, 0, 0), (1, 0), (1, 0))
    job.give_back(part, 1, "good", {part: 2})
    job.give_back(part, 1, "bad", {part: 1})
    assert (at(room, part), at(other, part), other.value(part)) == ((1, 0), (2, 0), "40.0000")
    (bad,) = room.ok("GET", "/stock", part_id=part, quality="bad")["items"]
    assert (bad["site_id"], bad["on_hand"]) == (other.site_id, 1)
    assert job.line(part) == (1, 0, 3, 2, 0)
    job.approve({part: 2})
    job.go(room)  # one was issued here; what is still to be issued is asked of this store
    assert (job.line(part), at(room, part), at(other, part)) == ((2, 1, 3, 2, 0), (1, 1), (2, 0))
    job.cancel()
    assert (at(room, part), at(other, part)) == ((2, 0), (2, 0))
    total = sum((Decimal(row.value) for row in room.served.rows("SELECT value FROM stock WHERE part_id = :part", part=part)), Decimal(0))
    assert total == Decimal("70.0000"), "nothing lost, nothing made"
    room.check()


def test_a_site_without_a_good_warehouse_opens_one_for_what_comes_back(room: StoreRoom, inventory: Served) -> None:
    part, bare = room.part(), StoreRoom(inventory, keeps=False)
    room.receive(part, 2)
    job = room.job().approve({part: 2})
    assert job.issue().status_code == 200
    job.go(bare).give_back(part, 1, "bad", {part: 1})
    codes = {item["code"] for item in room.ok("GET", "/warehouses", site_id=bare.site_id)["items"]}
    assert codes == {f"{bare.code}-BAD"}
    job.give_back(part, 1, "good", {})
    assert {item["code"] for item in room.ok("GET", "/warehouses", site_id=bare.site_id)["items"]} == {f"{bare.code}-BAD", f"{bare.code}-GOOD"}
    room.check()


def test_pieces_by_number_go_along(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part(serial_tracked=True)
    room.pieces(part, "A1", "A2")
    other.pieces(part, "B1", cost="30.00")
    job = room.job().approve({part: 2})
    assert job.issue({part: ["A1", "A2"]}).status_code == 200
    scope = {"scope": other.path}
    assert other.ok("GET", "/serials", part_id=part, number="A1", **scope)["items"] == []
    job.go(other)
    assert [item["number"] for item in other.ok("GET", "/serials", part_id=part, number="A1", **scope)["items"]] == ["A1"]
    job.give_back(part, 1, "good", {part: 1}, ["A1"])
    job.give_back(part, 1, "bad", {}, ["A2"])
    assert (room.where(part, "A1"), room.where(part, "A2")[0], at(other, part)) == (("warehouse", other.good), "warehouse", (2, 0))
    job.approve({part: 1})
    assert job.issue({part: ["A1"]}).status_code == 200
    job.go(room)
    assert room.where(part, "A1") == ("order", job.id)
    job.give_back(part, 1, "good", {}, ["A1"])
    assert (room.where(part, "A1"), at(room, part), room.value(part)) == (("warehouse", room.good), (1, 0), "20.0000")
    room.check()


def test_requisitions_by_hand_go_along_and_what_was_held_is_free(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 6)
    other.receive(part, 6)
    job = room.job().approve({part: 3})
    asked, draft = room.ask({part: 2}, job), room.ask({part: 1}, job, draft=True)
    draft.do("reserve", hold(part, 1))
    inside = room.ask({part: 1}, job, type="internal")
    assert inside.attempt("issue").status_code == 200
    assert (at(room, part), asked.line(part)) == ((5, 4), (2, 2, 0, 0, 0))
    job.go(other)
    assert (at(room, part), at(other, part)) == ((5, 0), (6, 3)), "a draft needs nothing, and what was held for it is free"
    assert [slip.now["site_id"] for slip in (asked, draft, inside)] == [other.site_id] * 3
    assert inside.give_back(part, 1).status_code == 200
    assert (at(room, part), at(other, part)) == ((5, 0), (7, 3)), "what is apart from the quote comes back here, too"
    draft.do("delete")
    here = Slip(other, other.ok("POST", "/requisitions", {"work_order_id": job.id, "lines": [{"part_id": part, "quantity": 1}]}, scope=other.path)["id"])
    job.go(room)
    assert (here.now["site_id"], here.now["held_site_id"], at(room, part), at(other, part)) == (room.site_id, room.site_id, (5, 3), (7, 0))
    assert here.attempt("issue", scope=room.path).status_code == 200, "made there, fetched here"
    refused(here.attempt("issue", scope=other.path))
    room.check()


def test_on_the_road_nobody_does_anything(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 5)
    job = room.job().approve({part: 3})
    slip, draft = room.ask({part: 1}, job), room.ask({part: 1}, job, draft=True)
    job.send(other)
    line = [{"part_id": part, "quantity": 1}]
    for scope in ("/HQ/", room.path, other.path):
        assert slip.seen(scope)["allowed_actions"] == []
        refused(job.issue(scope=scope))
        refused(slip.attempt("update", {"remark": "x"}, scope=scope))
        refused(slip.attempt("cancel", {"reason": "x"}, scope=scope))
        refused(slip.attempt("import", scope=scope))
        refused(draft.attempt("apply", scope=scope))
        refused(draft.attempt("delete", scope=scope))
        refused(draft.attempt("reserve", hold(part, 1), scope=scope))
        refused(slip.attempt("reallot", {"to_requisition_id": job.requisition["id"], "lines": line}, scope=scope))
        refused(room.served.call("POST", "/requisitions", {"work_order_id": job.id, "lines": line}, scope=scope))
    assert (at(room, part), job.line(part)[:2]) == ((5, 3), (2, 2)), "reservations stay"
    job.bound = None  # refused or taken back
    job.again()
    assert job.issue(scope=room.path).status_code == 200
    room.check()


def test_what_is_repaired_waits_for_its_short_part_until_it_has_arrived(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    job = room.job().repaired({part: 1}).send(other)
    room.receive(part, 1)
    assert job.line(part) == (1, 1, 0, 0, 0), "kept, but nothing leaves for a device on the road"
    other.receive(part, 1)
    job.arrive()
    assert (job.line(part), at(room, part), at(other, part)) == ((1, 0, 1, 0, 0), (1, 0), (0, 0))
    room.check()


def test_the_owner_without_the_device_sees_and_changes_nothing(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 5)
    other.receive(part, 5)
    job = room.job().approve({part: 4})
    ours = room.ask({part: 1}, job)
    job.go(other)
    theirs = other.ok("POST", "/requisitions", {"work_order_id": job.id, "lines": [{"part_id": part, "quantity": 1}]}, scope=other.path)["id"]

    def seen(scope: str) -> set[str]:
        return {item["id"] for item in room.ok("GET", "/requisitions", work_order_id=job.id, scope=scope)["items"]}

    planned = job.requisition["id"]
    assert seen(room.path) == {planned, ours.id}
    assert seen(other.path) == {planned, ours.id, theirs}
    assert seen("/HQ/S/") == set()
    for id_ in (planned, ours.id):
        assert room.ok("GET", f"/requisitions/{id_}", scope=room.path)["allowed_actions"] == []
    refused(job.issue(scope=room.path))
    refused(ours.attempt("update", {"remark": "x"}, scope=room.path))
    refused(room.served.call("POST", "/requisitions", {"work_order_id": job.id}, scope=room.path))
    assert Slip(room, theirs).attempt("issue", scope=room.path).status_code == 404
    body = {"lines": [{"part_id": part, "quantity": 2}, {"part_id": (extra := room.part()), "quantity": 1}]}
    job.approve({part: 4, extra: 2})
    answer = ours.attempt("update", body, scope=other.path)  # with a line that is new, on what another site had made
    assert answer.status_code == 200, answer.text
    assert (job.issue(scope=other.path).status_code, Slip(other, theirs).attempt("cancel", {"reason": "x"}, scope=other.path).status_code) == (409, 200)
    room.check()


def test_the_holders_storekeeper_works_for_it_as_for_his_own(room: StoreRoom, other: StoreRoom) -> None:
    """Below his own scope: what he receives serves it, and pieces that another site issued come back to him."""
    part, piece, scope = room.part(), room.part(serial_tracked=True), {"scope": other.path}
    room.pieces(piece, "A1")
    job = room.job().approve({part: 2})
    inside = room.ask({piece: 1}, job, type="internal")
    given = {"serials": [{"part_id": piece, "serial_numbers": ["A1"]}]}
    assert inside.attempt("issue", given).status_code == 200
    job.go(other)
    receipt = {"warehouse_id": other.good, "lines": [{"part_id": part, "quantity": 3, "unit_cost": "1.00"}]}
    other.ok("POST", "/stock-receipts", receipt, **scope)
    assert (job.line(part), job.told()[-1]["reserved_all"]) == ((2, 2, 0, 0, 0), True)
    assert job.issue(**scope).status_code == 200
    back = {"lines": [{"part_id": piece, "quantity": 1, "quality": "good", "serial_numbers": ["A1"]}]}
    refused(inside.attempt("return", back, scope=room.path))
    answer = inside.attempt("return", back, **scope)
    assert answer.status_code == 200, answer.text
    assert (room.where(piece, "A1"), at(other, piece)) == (("warehouse", other.good), (1, 0))
    room.check()


def test_a_cancel_while_another_site_has_it(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2)
    other.receive(part, 2)
    job = room.job().approve({part: 2})
    job.issue()
    job.go(other).approve({part: 3})
    waiting = other.job().approve({part: 2})
    assert (job.line(part), waiting.line(part)) == ((3, 1, 2, 0, 0), (2, 1, 0, 0, 1))
    job.cancel()
    assert (at(room, part), at(other, part), waiting.line(part)) == ((0, 0), (4, 2), (2, 2, 0, 0, 0)), "what was out lies where the device is"
    assert job.told()[-1]["issued_any"] is False
    job.go(room)
    assert job.requisition["site_id"] == room.site_id
    room.check()


def test_facts_in_any_order_and_twice(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    other.receive(part, 3)
    job = room.job()
    job.version = 1
    first = job.event("quote_approved", {part: 2})
    job.bound = other
    sent = job.event("custody_changed", {part: 2})
    job.place, job.bound = other, None
    arrived = job.event("custody_changed", {part: 2})
    for event in (arrived, first, sent, arrived):
        assert room.served.receive(event) in (Outcome.DONE, Outcome.DUPLICATE)
    assert (job.line(part), job.requisition["site_id"], at(other, part)) == ((2, 2, 0, 0, 0), other.site_id, (3, 2))
    assert (supply(job)["org_path"], supply(job)["held_path"], supply(job)["bound_path"]) == (room.path, other.path, None)
    room.check()


def test_before_the_first_quote_there_is_nothing_to_follow(room: StoreRoom, other: StoreRoom) -> None:
    job = room.job()
    job.bound = other
    job.tell("custody_changed", quote_version=0, approved_version=None)
    assert room.ok("GET", "/requisitions", work_order_id=job.id)["items"] == []


def test_a_site_that_is_not_known_yet_is_waited_for(room: StoreRoom, other: StoreRoom) -> None:
    job = room.job().approve({})
    event = job.event("custody_changed", {}, held_site_id=job.id)
    assert room.served.receive(event) is Outcome.RETRY


def test_two_orders_in_opposite_directions_do_not_wait_for_each_other(room: StoreRoom, other: StoreRoom) -> None:
    part = room.part()
    for site in (room, other):
        site.receive(part, 3)
    jobs = [site.job().approve({part: 2}) for site in (room, other, room, other)]
    far = {room.site_id: other, other.site_id: room}

    def travel(job: Job) -> None:
        for _ in range(3):
            job.go(far[job.place.site_id])

    with ThreadPoolExecutor(4) as threads:
        for each in [threads.submit(travel, job) for job in jobs]:
            each.result()
    assert [job.requisition["site_id"] for job in jobs] == [other.site_id, room.site_id, other.site_id, room.site_id]
    assert sorted(job.line(part)[1] for job in jobs) == [1, 1, 2, 2]
    room.check()


def supply(job: Job) -> dict[str, Any]:
    (row,) = job.room.served.rows("SELECT * FROM supplies WHERE work_order_id = :id", id=job.id)
    return dict(row._mapping)
