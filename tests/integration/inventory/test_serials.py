"""Pieces with a serial number (I-22): each is at exactly one place, through receipts, issues, returns and what crossed them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from chassis.domain.aggregate import new_id
from services.inventory.stock import Document, Quality
from tests.integration.inventory.store_room import StoreRoom


@pytest.fixture
def part(room: StoreRoom) -> str:
    return room.part(serial_tracked=True)


def moves(room: StoreRoom, part: str, number: str) -> list[tuple[str, float]]:
    """Kinds and quantities of the movements of a piece, oldest first."""
    (item,) = room.ok("GET", "/serials", part_id=part, number=number)["items"]
    assert room.ok("GET", f"/serials/{item['id']}") == item
    return [(each["kind"], each["quantity"]) for each in room.ok("GET", "/stock-movements", serial_id=item["id"], sort="id")["items"]]


def test_a_receipt_names_its_pieces_and_its_movements(room: StoreRoom, part: str) -> None:
    receipt = room.pieces(part, " SN–001 ", "SN-002", cost="3.3333")
    assert receipt["lines"][0]["serial_numbers"] == ["SN–001", "SN-002"]
    moved = room.ok("GET", "/stock-movements", document_id=receipt["id"], sort="id")["items"]
    assert receipt["movement_ids"] == [each["id"] for each in moved]
    assert [(each["quantity"], each["unit_cost"], each["serial_number"]) for each in moved] == [(1, "3.3333", "SN–001"), (1, "3.3333", "SN-002")]
    assert room.ok("GET", f"/stock-receipts/{receipt['id']}") == receipt
    assert (room.stock(part), room.value(part)) == ((2, 0), "6.6666")
    assert room.where(part, "ｓｎ 002") == ("warehouse", room.good)
    plain = room.receive(room.part(), 3)
    assert (plain["lines"][0]["serial_numbers"], len(plain["movement_ids"])) == ([], 1)
    room.check()


REFUSED: list[tuple[Any, Any, int, str, str]] = [
    (True, {"quantity": 2}, 422, "serial_count", "lines.0.serial_numbers"),
    (True, {"quantity": 2, "serial_numbers": ["A"]}, 422, "serial_count", "lines.0.serial_numbers"),
    (True, {"quantity": 1.5, "serial_numbers": ["A", "B"]}, 422, "serial_count", "lines.0.serial_numbers"),
    (False, {"quantity": 1, "serial_numbers": ["A"]}, 422, "serial_count", "lines.0.serial_numbers"),
    (True, {"quantity": 3, "serial_numbers": ["A", "B1", "b–1"]}, 422, "duplicate_line", "lines.0.serial_numbers.2"),
    (True, {"quantity": 1, "serial_numbers": [" "]}, 400, "validation_failed", ""),
    (True, {"quantity": 1, "serial_numbers": []}, 400, "validation_failed", ""),
]


@pytest.mark.parametrize(("tracked", "line", "status", "code", "field"), REFUSED)
def test_a_bad_receipt_posts_nothing(room: StoreRoom, tracked: bool, line: dict[str, Any], status: int, code: str, field: str) -> None:
    part, other = room.part(serial_tracked=tracked), room.part()
    lines = [{"part_id": part, "unit_cost": "1", **line}, {"part_id": other, "quantity": 1, "unit_cost": "1"}]
    answer = room.served.call("POST", "/stock-receipts", {"warehouse_id": room.good, "lines": lines})
    assert (answer.status_code, answer.json()["code"], answer.json().get("field", "")) == (status, code, field)
    assert (room.stock(part), room.stock(other), room.ok("GET", "/serials", part_id=part)["items"]) == ((0, 0), (0, 0), [])


def test_what_is_in_does_not_come_in_again(room: StoreRoom, part: str) -> None:
    room.pieces(part, "A1", "A2")
    other = StoreRoom(room.served)
    for site, scope in (room, "/HQ/"), (other, "/HQ/"), (other, other.path):  # there the first one is not even seen
        line = {"part_id": part, "quantity": 2, "unit_cost": "1", "serial_numbers": ["a-1", "A3"]}
        answer = room.served.call("POST", "/stock-receipts", {"warehouse_id": site.good, "lines": [line]}, scope=scope)
        assert (answer.status_code, answer.json()["code"]) == (409, "serial_conflict")
        if scope == "/HQ/":
            assert answer.json()["serials"] == [{"part_id": part, "serial_number": "A1", "place": "warehouse"}]
    assert len(room.ok("GET", "/serials", part_id=part)["items"]) == 2
    room.pieces(room.part(serial_tracked=True), "A1")  # another part's
    room.check()


def test_whether_a_part_is_tracked_is_settled_by_its_first_movement(room: StoreRoom) -> None:
    part, other = room.part(), StoreRoom(room.served)
    assert room.ok("PATCH", f"/parts/{part}", {"serial_tracked": True})["serial_tracked"] is True
    assert room.ok("PATCH", f"/parts/{part}", {"serial_tracked": False})["serial_tracked"] is False
    room.receive(part, 1)
    for scope in ("/HQ/", other.path):  # nor does one help who does not see the movement
        answer = room.served.call("PATCH", f"/parts/{part}", {"serial_tracked": True, "name": "x"}, scope=scope)
        assert (answer.status_code, answer.json()["code"]) == (409, "part_has_movements")
    assert room.ok("PATCH", f"/parts/{part}", {"serial_tracked": False, "name": "same"})["name"] == "same"
    room.check()


def test_tracked_parts_are_issued_by_serial_only(room: StoreRoom, part: str) -> None:
    loose = room.part()
    room.receive(loose, 5)
    room.pieces(part, "A1", "A2", "A3")
    job = room.job().approve({part: 2, loose: 1})
    want = [{"part_id": part, "quantity": 2, "serial_numbers": []}]
    missing = job.issue()
    assert (missing.status_code, missing.json()["code"], missing.json()["serials"]) == (422, "serial_count", want)
    for given, code, where in (
        ({part: ["A1"]}, "serial_count", None),
        ({part: ["A1", "A2", "A3"]}, "serial_count", None),
        ({part: ["A1", "A2"], loose: ["X"]}, "serial_count", None),
        ({part: ["A1", "a–1"]}, "duplicate_line", "serials.0.serial_numbers.1"),
        ({part: ["A1", "ZZ"]}, "unknown_reference", "serials.0.serial_numbers.1"),
        ({room.part(): ["A1"]}, "unknown_reference", "serials.0.part_id"),
    ):
        refused = job.issue(given)
        assert (refused.status_code, refused.json()["code"], refused.json().get("field")) == (422, code, where), given
    assert (room.stock(part), room.stock(loose)) == ((3, 2), (5, 1))
    done = job.issue({part: ["a3", "A1"]}).json()
    line = next(line for line in done["lines"] if line["part_id"] == part)
    assert (done["state"], line["serial_numbers"], len(done["movement_ids"])) == ("out", ["A1", "A3"], 3)
    assert (job.requisition, room.stock(part), room.where(part, "A3")) == (done, (1, 0), ("order", job.id))
    assert [line.get("serial_numbers") for line in sorted(job.told()[-1]["lines"], key=lambda line: line["needed"])] == [None, ["A1", "A3"]]
    assert job.issue({part: ["A2", "A1"]}).json() == done, "a second call changes nothing"
    room.check()


def test_a_repaired_order_gets_what_is_not_tracked(room: StoreRoom, part: str) -> None:
    """Orders refuses to complete before; what crossed it waits for the storekeeper."""
    loose = room.part()
    room.receive(loose, 1)
    room.pieces(part, "A1")
    job = room.job().repaired({part: 1, loose: 1})
    assert (job.line(part), job.line(loose), job.requisition["state"]) == ((1, 1, 0, 0, 0), (1, 0, 1, 0, 0), "processing")
    assert job.issue({part: ["A1"]}).json()["issued_all"] is True
    room.check()


def test_a_piece_is_taken_from_where_it_lies(room: StoreRoom, part: str) -> None:
    """The reservation follows the piece, as far as nobody else's is in the way."""
    second, bad = room.warehouse("G2"), room.warehouse("B1", "bad")
    room.pieces(part, "A1")
    room.pieces(part, "B1", warehouse=second)
    room.pieces(part, "X1", warehouse=bad)
    job = room.job().approve({part: 1})
    assert (room.stock(part), room.stock(part, second)) == ((1, 1), (1, 0))
    refused = job.issue({part: ["X1"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "serial_conflict")
    assert refused.json()["serials"] == [{"part_id": part, "serial_number": "X1", "place": "warehouse"}]
    assert job.issue({part: ["B1"]}).status_code == 200
    assert (room.stock(part), room.stock(part, second)) == ((1, 0), (0, 0))
    other, third = room.job().approve({part: 1}), room.job().approve({part: 1})
    room.pieces(part, "B2", warehouse=second)
    assert (third.line(part), room.stock(part, second)) == ((1, 1, 0, 0, 0), (1, 1))
    kept = third.issue({part: ["A1"]})
    assert (kept.status_code, kept.json()["code"], kept.json()["parts"][0]["serial_numbers"]) == (409, "insufficient_stock", ["A1"])
    assert other.issue({part: ["A1"]}).status_code == 200 and third.issue({part: ["B2"]}).status_code == 200
    room.check()


def test_pieces_come_back_good_or_bad_once(room: StoreRoom, part: str) -> None:
    second = room.warehouse("G2")
    room.pieces(part, "A1", cost="3.3333")
    room.pieces(part, "A2", "A3", warehouse=second, cost="5.0000")
    job = room.job().approve({part: 3})
    assert job.issue({part: ["A1", "A2", "A3"]}).status_code == 200
    job.give_back(part, 1, "good", {part: 2}, ["a2"])
    job.give_back(part, 1, "bad", {part: 1}, ["A1"])
    job.tell("parts_returned", {part: 1})
    (bad,) = room.ok("GET", "/warehouses", site_id=room.site_id, quality="bad")["items"]
    assert (room.where(part, "A2"), room.where(part, "A1")) == (("warehouse", second), ("warehouse", bad["id"]))
    assert (room.value(part, second), room.value(part, bad["id"]), job.line(part)) == ("5.0000", "3.3333", (1, 0, 3, 2, 0))
    job.give_back(part, 1, "good", {part: 1}, ["A2"])  # not out: nothing is posted
    assert job.line(part) == (1, 0, 3, 2, 0) and room.where(part, "A3") == ("order", job.id)
    assert moves(room, part, "A1") == [("receipt", 1), ("issue", -1), ("return", 1)]
    room.check()


def test_a_cancel_that_crossed_puts_each_piece_back_where_it_was(room: StoreRoom, part: str) -> None:
    second = room.warehouse("G2")
    room.pieces(part, "A1")
    room.pieces(part, "B1", "B2", warehouse=second)
    job = room.job().approve({part: 3})
    assert job.issue({part: ["B2", "A1", "B1"]}).status_code == 200
    job.approve({part: 2})  # a smaller quote takes back one
    out = job.requisition["lines"][0]["serial_numbers"]
    assert len(out) == 2
    job.cancel()
    assert [room.where(part, number) for number in ("A1", "B1", "B2")] == [("warehouse", at) for at in (room.good, second, second)]
    assert moves(room, part, "A1") == [("receipt", 1), ("issue", -1), ("take_back", 1)]
    assert (job.requisition["state"], job.told()[-1]["issued_any"]) == ("done", False)
    room.check()


def test_a_return_of_what_was_taken_back_meanwhile(room: StoreRoom, part: str) -> None:
    room.pieces(part, "A1")
    job = room.job().approve({part: 1})
    assert job.issue({part: ["A1"]}).status_code == 200
    job.cancel()
    job.give_back(part, 1, "bad", {}, ["A1"], state="cancelled", approved_version=None)
    assert [kind for kind, _ in moves(room, part, "A1")] == ["receipt", "issue", "take_back", "issue", "return"]
    (bad,) = room.ok("GET", "/warehouses", site_id=room.site_id, quality="bad")["items"]
    assert room.where(part, "A1") == ("warehouse", bad["id"])
    room.check()


def test_pieces_on_the_road(room: StoreRoom, part: str) -> None:
    other, document = StoreRoom(room.served), Document("transfer", new_id())
    room.pieces(part, "A1", "A2", cost="3.3333")
    id = UUID(part)
    for step, place in ("ship", "transit"), ("arrive", "warehouse"):
        with room.opened(part, other, pieces=["A1"]) as (here, there):
            piece = here.piece(id, "A1")
            assert piece is not None
            if step == "ship":
                here.ship(here.shelf(UUID(room.good), id), Decimal(1), document, [piece])
            else:
                road = here.shelf(here.transit_place(), id, Quality.GOOD)
                here.arrive(road, there, UUID(other.good), Decimal(1), document, [piece])
        assert room.where(part, "A1")[0] == place
        room.check()
    assert (room.where(part, "A1"), other.value(part)) == (("warehouse", other.good), "3.3333")
    assert room.served.call("GET", "/serials", part_id=part, scope=room.path, total="true").json()["total"] == 1
    assert other.job().approve({part: 1}).issue({part: ["A1"]}).status_code == 200
    room.check()


def test_eight_clients_at_once_receive_issue_and_return_one_piece(room: StoreRoom, part: str) -> None:
    other = StoreRoom(room.served)
    line = {"part_id": part, "quantity": 1, "unit_cost": "1.00", "serial_numbers": ["A1"]}
    calls = [("POST", "/stock-receipts", {"warehouse_id": site.good, "lines": [line]}) for site in (room, other) for _ in range(4)]
    answers = room.served.together(calls)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"serial_conflict"}
    home = room if room.where(part, "A1") == ("warehouse", room.good) else other
    home.pieces(part, *(f"B{index}" for index in range(7)))
    jobs = [home.job().approve({part: 1}) for _ in range(8)]
    body = {"serials": [{"part_id": part, "serial_numbers": ["A1"]}]}
    answers = room.served.together([("POST", f"/requisitions/{job.requisition['id']}/issue", body) for job in jobs])
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"serial_conflict"}
    job = next(job for job, answer in zip(jobs, answers, strict=True) if answer.status_code == 200)
    with ThreadPoolExecutor(8) as threads:  # eight different events, each says all there is to say
        job.returns.append({"id": str(new_id()), "part_id": part, "quantity": 1, "quality": "good", "serial_numbers": ["A1"]})
        events = [job.event("parts_returned", {}) for _ in range(8)]
        list(threads.map(room.served.receive, events))
    assert [kind for kind, _ in moves(home, part, "A1")] == ["receipt", "issue", "return"]
    room.check()
