"""Requisitions made by hand (I-50): beside what an order has planned, and without an order."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.domain.aggregate import new_id
from tests.integration.inventory.store_room import StoreRoom
from tests.support.serving import Served


def require_recipient(served: Served, value: bool, sequence: int) -> None:
    id_ = "0199e3a0-0000-7c3e-9a51-2f3b8d0c4e77"
    served.tell("aftersales.gateway.parameter.changed.v1", {"key": "requisition.recipient_required", "value": value}, subject=id_, sequence=sequence)


def test_a_second_requisition_takes_over_part_of_what_is_planned(room: StoreRoom) -> None:
    bearing, belt = room.part(), room.part()
    room.receive(bearing, 5)
    room.receive(belt, 1)
    li = room.technician()
    job = room.job().approve({bearing: 3, belt: 2})
    slip = room.ask({bearing: 2}, job, technician_id=li, remark="先装轴承")
    seen = slip.now
    assert (seen["number"][:2], seen["type"], seen["planned"], seen["technician_id"], seen["remark"]) == ("RQ", "normal", False, li, "先装轴承")
    assert (seen["state"], seen["quote_version"], seen["promised_at"]) == ("processing", 1, job.requisition["promised_at"])
    assert (slip.line(bearing), job.line(bearing), job.line(belt)) == ((2, 2, 0, 0, 0), (1, 1, 0, 0, 0), (2, 1, 0, 0, 1))
    assert len(job.told()) == 1, "the order is told sums, and these are the same"
    issued = slip.do("issue")
    assert (issued["state"], len(issued["movement_ids"])) == ("out", 1)
    assert slip.do("issue")["movement_ids"] == issued["movement_ids"], "a second call posts nothing"
    assert job.told()[-1]["lines"] == sorted([
        {"part_id": bearing, "needed": 3, "reserved": 1, "issued": 2, "returned": 0},
        {"part_id": belt, "needed": 2, "reserved": 1, "issued": 0, "returned": 0},
    ], key=lambda line: str(line["part_id"]))  # fmt: skip
    job.repaired({bearing: 3, belt: 2})
    assert (job.line(bearing), job.line(belt)) == ((1, 0, 1, 0, 0), (2, 0, 1, 0, 1))
    job.give_back(bearing, 2, "good", {bearing: 1, belt: 2}, repaired=True)
    assert (job.line(bearing), slip.line(bearing)) == ((0, 0, 1, 1, 0), (1, 0, 2, 1, 0))
    room.check()


def test_what_is_asked_is_what_the_quote_leaves_open(room: StoreRoom) -> None:
    part, other = room.part(), room.part()
    room.receive(part, 9)
    job = room.job().quote()
    draft = room.ask({part: 1}, job, draft=True)
    refused = draft.attempt("apply")
    assert (refused.status_code, refused.json()["code"], refused.json()["parts"]) == (422, "over_quote", [{"part_id": part, "quantity": 1, "open": 0}])
    assert (draft.state, draft.now["number"]) == ("draft", None)
    job.approve({part: 3})
    job.issue()
    job.approve({part: 5})  # two more, agreed to later
    for lines in ({part: 3}, {other: 1}):
        body = {"work_order_id": job.id, "lines": [{"part_id": id_, "quantity": n} for id_, n in lines.items()]}
        answer = room.served.call("POST", "/requisitions", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "over_quote"), answer.text
    later = room.ask(None, job, type="claim")
    assert (later.line(part), job.line(part)) == ((2, 2, 0, 0, 0), (3, 0, 3, 0, 0))
    none = room.served.call("POST", "/requisitions", {"work_order_id": job.id})
    assert (none.status_code, none.json()["code"], none.json()["parts"]) == (422, "over_quote", [])
    room.check()


def test_later_parts_are_imported_and_lines_changed_until_they_are_out(room: StoreRoom) -> None:
    part, other = room.part(), room.part()
    room.receive(part, 9)
    room.receive(other, 9)
    job = room.job().approve({part: 2})
    slip = room.ask({part: 1}, job)
    job.approve({part: 3, other: 1})
    slip.do("import")
    assert (slip.line(part), slip.line(other), job.requisition["lines"]) == ((3, 3, 0, 0, 0), (1, 1, 0, 0, 0), [])
    assert slip.attempt("import").json()["code"] == "over_quote"
    slip.do("update", {"lines": [{"part_id": other, "quantity": 1}]})
    assert (slip.line(other), job.line(part)) == ((1, 1, 0, 0, 0), (3, 3, 0, 0, 0))
    assert slip.attempt("update", {"lines": [{"part_id": part, "quantity": 4}]}).json()["code"] == "over_quote"
    slip.do("issue")
    assert slip.attempt("update", {"lines": [{"part_id": part, "quantity": 1}]}).json()["code"] == "bad_transition"
    planned = room.served.call("PATCH", f"/requisitions/{job.requisition['id']}", {"remark": "x"})
    assert (planned.status_code, planned.json()["code"]) == (409, "bad_transition")
    room.check()


def test_a_cancelled_one_gives_its_parts_back_to_what_is_planned(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2)
    job = room.job().approve({part: 2})
    slip = room.ask(None, job)
    older = room.job()
    older.promised_at = "2026-01-01T00:00:00+00:00"
    older.approve({part: 1})
    assert (slip.line(part), older.line(part)) == ((2, 2, 0, 0, 0), (1, 0, 0, 0, 1))
    assert slip.do("cancel", {"reason": "改由李雷领"})["reason"] == "改由李雷领"
    assert (slip.state, job.line(part), older.line(part)) == ("done", (2, 2, 0, 0, 0), (1, 0, 0, 0, 1)), "the order keeps what it had"
    assert slip.attempt("cancel", {"reason": "x"}).json()["code"] == "bad_transition"
    room.check()


def test_an_order_that_is_cancelled_cancels_them(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 9)
    job = room.job().approve({part: 4})
    drawn, inside, fetched = room.ask({part: 1}, job), room.ask({part: 2}, job, type="internal"), room.ask({part: 1}, job, type="internal")
    fetched.do("issue")
    drawn.do("issue")
    job.cancel()
    assert [it.state for it in (drawn, inside, fetched)] == ["done", "done", "out"]
    assert (room.stock(part), job.told()[-1]["issued_any"]) == ((8, 0), False), "what crossed is taken back; internal parts are nothing to the order"
    assert fetched.give_back(part, 1).status_code == 200
    assert (fetched.state, room.stock(part)) == ("done", (9, 0))
    refused = room.served.call("POST", "/requisitions", {"work_order_id": job.id, "type": "internal", "lines": [{"part_id": part, "quantity": 1}]})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_reference")
    room.check()


def test_parts_without_an_order_go_out_and_come_back_at_their_cost(room: StoreRoom) -> None:
    part, bad = room.part(), room.warehouse("B1", "bad")
    room.receive(part, 2, "10.00")
    slip = room.ask({part: 3})
    seen = slip.now
    assert (seen["type"], seen["work_order_id"], seen["state"], slip.line(part)) == ("internal", None, "applied", (3, 2, 0, 0, 1))
    assert slip.attempt("issue").json()["code"] == "insufficient_stock"
    (short,) = room.ok("GET", "/shortages", part_id=part)["items"]
    assert (short["requisition_number"], short["work_order_id"], short["short"]) == (seen["number"], None, 1)
    room.receive(part, 1, "40.00")
    assert (slip.state, slip.line(part)) == ("processing", (3, 3, 0, 0, 0))
    slip.do("issue")
    over = slip.give_back(part, 4)
    assert (over.status_code, over.json()["code"], over.json()["parts"]) == (409, "over_return", [{"part_id": part, "quantity": 3}])
    assert slip.give_back(part, 1, "bad").status_code == 200
    assert (slip.state, slip.line(part), room.stock(part, bad), room.value(part, bad)) == ("out", (2, 0, 3, 1, 0), (1, 0), "20.0000")
    assert slip.give_back(part, 2).status_code == 200
    assert (slip.state, room.stock(part), room.value(part)) == ("done", (2, 0), "40.0000")
    room.check()


def test_pieces_without_an_order_are_out_for_the_requisition(room: StoreRoom) -> None:
    part = room.part(serial_tracked=True)
    room.pieces(part, "S-1", "S-2", "S-3")
    first, second = room.ask({part: 1}), room.ask({part: 1})
    half = room.served.call("POST", "/requisitions", {"site_id": room.site_id, "lines": [{"part_id": part, "quantity": 1.5}]})
    assert (half.status_code, half.json()["code"], half.json()["field"]) == (422, "serial_count", "lines.0.quantity")
    assert first.attempt("issue").json()["code"] == "serial_count"
    for slip, number in ((first, "S-1"), (second, "s-2")):
        slip.do("issue", {"serials": [{"part_id": part, "serial_numbers": [number]}]})
    assert (room.where(part, "S-1"), first.now["lines"][0]["serial_numbers"]) == (("order", first.id), ["S-1"])
    other = first.give_back(part, 1, numbers=["S-2"])
    assert (other.status_code, other.json()["code"]) == (409, "over_return"), "it is out of the other one"
    assert first.give_back(part, 1).json()["code"] == "serial_count"
    assert first.give_back(part, 1, numbers=["S-1"]).status_code == 200
    assert (first.state, second.state, room.where(part, "S-1")) == ("done", "out", ("warehouse", room.good))
    room.check()


def test_pieces_of_one_order_belong_to_the_requisition_they_went_out_of(room: StoreRoom) -> None:
    part = room.part(serial_tracked=True)
    room.pieces(part, "S-1", "S-2", "S-3")
    job = room.job().approve({part: 2})
    drawn, inside = room.ask({part: 1}, job), room.ask({part: 1}, job, type="internal")
    drawn.do("issue", {"serials": [{"part_id": part, "serial_numbers": ["S-1"]}]})
    inside.do("issue", {"serials": [{"part_id": part, "serial_numbers": ["S-2"]}]})
    assert job.issue({part: ["S-3"]}).status_code == 200
    assert job.told()[-1]["lines"][0]["serial_numbers"] == ["S-1", "S-3"]
    job.give_back(part, 1, "good", {part: 1}, ["S-1"])
    assert (drawn.line(part), job.line(part)) == ((0, 0, 1, 1, 0), (1, 0, 1, 0, 0))
    job.cancel()
    assert [room.where(part, number)[0] for number in ("S-1", "S-2", "S-3")] == ["warehouse", "order", "warehouse"]
    room.check()


@pytest.mark.parametrize(("body", "code", "field"), [
    ({"type": "claim"}, "validation_failed", "work_order_id"),
    ({"type": "normal"}, "validation_failed", "work_order_id"),
    ({}, "validation_failed", "lines"),
    ({"lines": []}, "validation_failed", "lines"),
    ({"work_order_id": str(new_id())}, "unknown_reference", "work_order_id"),
    ({"technician_id": str(new_id()), "lines": 1}, "unknown_reference", "technician_id"),
    ({"lines": 2}, "duplicate_line", "lines.1.part_id"),
    ({"lines": "unknown"}, "unknown_reference", "lines.0.part_id"),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused_and_nothing_is_kept(room: StoreRoom, body: dict[str, Any], code: str, field: str) -> None:
    part = room.part() if body.get("lines") != "unknown" else str(new_id())
    lines = [{"part_id": part, "quantity": 1}]
    named = body.get("lines")
    given = {"lines": lines * (named if isinstance(named, int) else 1)} if named else {}
    answer = room.served.call("POST", "/requisitions", {"site_id": room.site_id, **body, **given})
    assert (answer.status_code, answer.json()["code"]) == (400 if code == "validation_failed" else 422, code), answer.text
    assert field in (answer.json().get("field"), *(error["field"] for error in answer.json().get("errors", [])))
    assert room.ok("GET", "/requisitions", site_id=room.site_id)["items"] == []


def test_a_recipient_is_a_technician_of_the_site_and_may_be_mandatory(room: StoreRoom, inventory: Served) -> None:
    part, stranger, gone = room.part(), StoreRoom(inventory).technician(), room.technician(active=False)
    room.receive(part, 9)
    for other in (stranger, gone):
        body = {"site_id": room.site_id, "technician_id": other, "lines": [{"part_id": part, "quantity": 1}]}
        assert inventory.call("POST", "/requisitions", body).json()["field"] == "technician_id"
    require_recipient(inventory, True, 1)
    try:
        body = {"site_id": room.site_id, "lines": [{"part_id": part, "quantity": 1}]}
        refused = inventory.call("POST", "/requisitions", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "recipient_missing")
        draft = room.ask({part: 1}, draft=True)
        assert draft.attempt("apply").json()["code"] == "recipient_missing"
        draft.do("update", {"technician_id": room.technician()})
        assert draft.do("apply")["state"] == "processing"
        job = room.job().repaired({part: 2}, technician_id=None)
        assert (job.line(part), job.requisition["state"]) == ((2, 2, 0, 0, 0), "processing"), "nobody is named, so nothing goes out by itself"
        assert job.issue().json()["code"] == "recipient_missing"
        li = room.technician()
        done = room.served.call("POST", f"/requisitions/{job.requisition['id']}/issue", {"technician_id": li})
        assert (done.status_code, done.json()["state"], done.json()["technician_id"]) == (200, "out", li)
        named = room.job().repaired({part: 1}, technician_id=li)
        assert named.line(part) == (1, 0, 1, 0, 0)
    finally:
        require_recipient(inventory, False, 2)
    room.check()


def test_a_draft_reserves_nothing_and_is_removed(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 3)
    draft = room.ask({part: 2}, draft=True)
    assert (draft.state, room.stock(part), draft.now["lines"][0]["quantity"]) == ("draft", (3, 0), 2)
    assert draft.now["allowed_actions"] == ["apply", "update", "reserve", "delete"]
    assert draft.do("delete")["id"] == draft.id
    assert room.served.call("GET", f"/requisitions/{draft.id}").status_code == 404
    applied = room.ask({part: 2})
    assert applied.attempt("delete").json()["code"] == "bad_transition"
    room.check()


def test_rights_and_sites_are_asked(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 3)
    slip = room.ask({part: 1})
    body = {"site_id": room.site_id, "lines": [{"part_id": part, "quantity": 1}]}
    assert room.served.call("POST", "/requisitions", body, permissions=("inventory.requisition.read",)).status_code == 403
    assert room.served.call("POST", "/requisitions", body, scope="/HQ/S/").json()["code"] == "unknown_reference"
    for action in ("apply", "import", "issue", "delete"):
        assert slip.attempt(action, scope="/HQ/S/").status_code == 404
        assert slip.attempt(action, permissions=("inventory.requisition.read",)).status_code == 403
    assert slip.attempt("cancel", {"reason": "x"}, headers={"If-Match": "99"}).json()["code"] == "stale_version"
    room.check()


def test_eight_at_once_ask_for_no_more_than_the_quote_leaves_open(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 9)
    job = room.job().approve({part: 3})
    body = {"work_order_id": job.id, "lines": [{"part_id": part, "quantity": 1}]}
    answers = room.served.together([("POST", "/requisitions", body)] * 8)
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [422] * 5
    assert len({answer.json()["number"] for answer in answers if answer.status_code == 201}) == 3
    assert (job.requisition["state"], job.told()[-1]["lines"]) == ("done", [{"part_id": part, "needed": 3, "reserved": 3, "issued": 0, "returned": 0}])
    room.check()


def test_eight_at_once_fetch_and_bring_back_one_requisition(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 9)
    slip = room.ask({part: 3})
    issued = room.served.together([("POST", f"/requisitions/{slip.id}/issue", {})] * 8)
    assert ([answer.status_code for answer in issued], room.stock(part)) == ([200] * 8, (6, 0))
    back = {"lines": [{"part_id": part, "quantity": 2, "quality": "good"}]}
    answers = room.served.together([("POST", f"/requisitions/{slip.id}/return", back)] * 8)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert (slip.line(part), room.stock(part)) == ((1, 0, 3, 2, 0), (8, 0))
    room.check()
