"""Receipts as drafts (R-02) and reversed (R-10): what a draft leaves alone, what a reversal takes back, and when it may not."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.domain.errors import Forbidden
from services.inventory.receipts.errors import DocumentLocked
from tests.integration.inventory.store_room import StoreRoom

Document = dict[str, Any]


def line(part: str, quantity: float = 2, cost: str = "3.00", **more: Any) -> Document:
    return {"part_id": part, "quantity": quantity, "unit_cost": cost, **more}


def made(room: StoreRoom, *lines: Document, draft: bool = True) -> Document:
    answer = room.served.call("POST", "/stock-receipts", {"warehouse_id": room.good, "lines": list(lines), "draft": draft})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def act(room: StoreRoom, receipt: Document, verb: str, body: Document | None = None, **more: Any) -> Any:
    return room.served.call("POST", f"/stock-receipts/{receipt['id']}/{verb}", body or {}, **more)


def test_a_draft_is_edited_posted_and_reversed(room: StoreRoom) -> None:
    part, other = room.part(), room.part()
    draft = made(room, line(part))
    path = f"/stock-receipts/{draft['id']}"
    assert (draft["state"], draft["number"], draft["posted_at"], draft["total"], draft["movement_ids"]) == ("draft", None, None, "6.00", [])
    assert draft["allowed_actions"] == ["update", "post", "delete"]
    assert room.stock(part) == (0, 0) and room.served.events(draft["id"]) == []
    edited = room.served.call("PATCH", path, {"lines": [line(other, 4, "1.25"), line(part, 1)]}).json()
    assert [(one["part_id"], one["value"]) for one in edited["lines"]] == [(other, "5.00"), (part, "3.00")]
    assert (edited["total"], edited["version"]) == ("8.00", draft["version"] + 1)
    assert room.ok("GET", path) == edited
    posted = act(room, draft, "post").json()
    assert (posted["state"], posted["total"], posted["allowed_actions"], len(posted["movement_ids"])) == ("posted", "8.00", ["reverse"], 2)
    assert posted["number"].startswith("GR") and (room.stock(other), room.stock(part)) == ((4, 0), (1, 0))
    for answer in (room.served.call("PATCH", path, {"lines": [line(part)]}), act(room, draft, "delete")):
        assert (answer.status_code, answer.json()["code"]) == (409, "document_locked")
    again = act(room, draft, "post")
    assert (again.status_code, again.json()["code"], again.json()["allowed_actions"]) == (409, "bad_transition", ["reverse"])
    assert act(room, draft, "reverse").json()["code"] == "validation_failed"
    back = act(room, draft, "reverse", {"reason": "送错货"}).json()
    assert (back["state"], back["reason"], back["number"], back["allowed_actions"]) == ("reversed", "送错货", posted["number"], [])
    assert (room.stock(other), room.stock(part), len(back["movement_ids"])) == ((0, 0), (0, 0), 4)
    assert act(room, draft, "reverse", {"reason": "x"}).json()["code"] == "bad_transition"
    assert [verb.split(".")[1] for verb, *_ in room.served.events(draft["id"])] == ["posted", "reversed"]
    assert [each["id"] for each in room.ok("GET", "/stock-receipts", state="reversed", warehouse_id=room.good)["items"]] == [draft["id"]]
    room.check()


def test_a_draft_is_removed(room: StoreRoom) -> None:
    draft = made(room, line(room.part()))
    assert act(room, draft, "delete").json()["lines"] == draft["lines"]
    assert room.served.call("GET", f"/stock-receipts/{draft['id']}").status_code == 404


@pytest.mark.parametrize(("wrong", "code", "field"), [
    ({"part_id": "01890000-0000-7000-8000-00000000dead"}, "unknown_reference", "lines.1.part_id"),
    ({"bin_id": "01890000-0000-7000-8000-00000000dead"}, "unknown_reference", "lines.1.bin_id"),
    ({"quantity": 999_999, "unit_cost": "99999999"}, "amount_too_large", "lines.1.unit_cost"),
])  # fmt: skip
@pytest.mark.parametrize("edited", [False, True])
def test_a_draft_names_what_there_is(room: StoreRoom, edited: bool, wrong: Document, code: str, field: str) -> None:
    part, lines = room.part(), [line(room.part())]
    if edited:
        draft = made(room, *lines)
        answer = room.served.call("PATCH", f"/stock-receipts/{draft['id']}", {"lines": [*lines, line(part) | wrong]})
        assert room.ok("GET", f"/stock-receipts/{draft['id']}") == draft
    else:
        answer = room.served.call("POST", "/stock-receipts", {"warehouse_id": room.good, "draft": True, "lines": [*lines, line(part) | wrong]})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)


def test_pieces_are_counted_when_the_draft_is_posted(room: StoreRoom) -> None:
    part = room.part(serial_tracked=True)
    draft = made(room, line(part, serial_numbers=["A1"]))
    early = act(room, draft, "post")
    assert (early.status_code, early.json()["code"], early.json()["field"]) == (422, "serial_count", "lines.0.serial_numbers")
    room.served.call("PATCH", f"/stock-receipts/{draft['id']}", {"lines": [line(part, serial_numbers=["A1", "A2"])]})
    assert act(room, draft, "post").json()["lines"][0]["serial_numbers"] == ["A1", "A2"]
    assert room.stock(part) == (2, 0)
    room.check()


# -- taking back -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["issued", "reserved"])
def test_what_is_used_is_not_taken_back(room: StoreRoom, how: str) -> None:
    part, other = room.part(), room.part()
    receipt = made(room, line(part, 3), line(other, 1), draft=False)
    job = room.job().approve({part: 1})
    if how == "issued":
        assert job.issue().status_code == 200
    answer = act(room, receipt, "reverse", {"reason": "x"})
    assert (answer.status_code, answer.json()["code"], answer.json()["parts"]) == (
        409, "insufficient_stock", [{"part_id": part, "needed": 3, "available": 2}])  # fmt: skip
    assert room.stock(other) == (1, 0)
    room.receive(part, 1)
    assert act(room, receipt, "reverse", {"reason": "x"}).status_code == 200, "as many lie there again"
    room.check()


def values(room: StoreRoom, part: str) -> list[tuple[str, str]]:
    return [(str(row.on_hand), str(row.value)) for row in room.served.rows("SELECT on_hand, value FROM stock WHERE part_id = :part", part=part)]


def test_it_goes_out_at_the_cost_it_came_in_with(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 10, "1.00")
    dear = made(room, line(part, 5, "9.0000"), draft=False)
    act(room, dear, "reverse", {"reason": "x"})
    assert values(room, part) == [("10.000", "10.0000")]
    room.check()


def test_no_more_goes_out_than_all_is_worth(room: StoreRoom) -> None:
    """Of ten for 1 and five for 9, ten are gone at the average of 3.6667: of 18.3333 that are left, 45 cannot leave."""
    part = room.part()
    room.receive(part, 10, "1.00")
    dear = made(room, line(part, 5, "9.00"), draft=False)
    room.job().approve({part: 9}).issue()
    assert act(room, dear, "reverse", {"reason": "x"}).status_code == 200
    assert values(room, part) == [("1.000", "0.0000")]
    room.check()


def test_pieces_and_bins_are_the_ones_that_came(room: StoreRoom) -> None:
    part, loose = room.part(serial_tracked=True), room.part()
    bin = room.ok("POST", "/bins", {"warehouse_id": room.good, "code": "A1", "name": "x"})["id"]
    room.receive(loose, 2)
    receipt = made(room, line(part, 1, serial_numbers=["A1"]), line(loose, 2, bin_id=bin), draft=False)
    made(room, line(part, 1, serial_numbers=["A2"]), draft=False)
    job = room.job().approve({part: 1})
    job.issue({part: ["A1"]})
    answer = act(room, receipt, "reverse", {"reason": "x"})
    assert (answer.status_code, answer.json()["parts"][0]["serial_numbers"]) == (409, ["A1"]), "another piece does not stand for it"
    job.cancel()
    assert act(room, receipt, "reverse", {"reason": "x"}).status_code == 200
    (piece,) = room.ok("GET", "/serials", part_id=part, number="A1")["items"]
    assert piece["place"] == "supplier"
    assert room.ok("GET", "/stock", part_id=loose, by="bin")["items"][0]["bin_id"] is None
    made(room, line(part, 1, serial_numbers=["A1"]), draft=False)
    room.check()


def test_a_reversal_and_a_need_at_once(room: StoreRoom) -> None:
    """Either the parts are kept for the order or they go back to the supplier, whoever comes first."""
    ends = set()
    for _ in range(8):
        part = room.part()
        receipt, job = made(room, line(part, 3), draft=False), room.job().quote()
        with ThreadPoolExecutor(2) as threads:
            back, _need = threads.submit(act, room, receipt, "reverse", {"reason": "x"}), threads.submit(job.approve, {part: 2})
        ends.add((back.result().status_code, room.stock(part), job.line(part)[-1]))
    assert ends <= {(409, (3, 2), 0), (200, (0, 0), 2)}
    room.check()


def test_two_reversals_at_once_are_one(room: StoreRoom) -> None:
    part = room.part()
    receipt = made(room, line(part, 3), draft=False)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: act(room, receipt, "reverse", {"reason": "x"}).status_code, range(4)))
    assert sorted(answers) == [200, 409, 409, 409] and room.stock(part) == (0, 0)
    room.check()


# -- the database ------------------------------------------------------------------------------------------------------
LINE = """INSERT INTO stock_receipt_lines (receipt_id, position, part_id, quantity, unit_cost, value, serial_numbers, org_path)
    SELECT id, 9, '{part}', 1, {cost}, {cost}, '[]', org_path FROM stock_receipts WHERE id = '{receipt}'"""


@pytest.mark.parametrize("statements", [
    ("UPDATE stock_receipts SET total = 9 WHERE id = '{receipt}'",),
    ("UPDATE stock_receipts SET state = 'draft', number = NULL, posted_at = NULL WHERE id = '{receipt}'",),
    ("DELETE FROM stock_receipt_lines WHERE receipt_id = '{receipt}'",),
    ("DELETE FROM stock_receipt_lines WHERE receipt_id = '{receipt}'", "DELETE FROM stock_receipts WHERE id = '{receipt}'"),
    ("UPDATE stock_receipt_lines SET quantity = 9 WHERE receipt_id = '{receipt}'",),
    ("DELETE FROM stock_receipt_lines WHERE receipt_id = '{receipt}' AND value = 0",),
    (LINE.replace("{cost}", "1"),),
    (LINE.replace("{cost}", "0"),),
    ("UPDATE stock_receipts SET state = 'reversed' WHERE id = '{receipt}'",),
    ("UPDATE stock_receipts SET state = 'reversed', reason = 'x', reversed_at = now() WHERE id = '{receipt}'",),
    ("UPDATE stock_receipts SET state = 'posted', number = 'X', posted_at = now() WHERE id = '{draft}'",),
])  # fmt: skip
def test_direct_sql_leaves_a_posted_receipt_alone(room: StoreRoom, statements: Iterable[str]) -> None:
    receipt, part = made(room, line(room.part()), line(room.part(), cost="0"), draft=False), room.part()
    draft = made(room, line(part))
    with pytest.raises((DocumentLocked, Forbidden)), room.served.database.uow() as uow:
        for statement in statements:
            uow.execute(sa.text(statement.format(receipt=receipt["id"], part=part, draft=draft["id"])))
    assert [room.ok("GET", f"/stock-receipts/{each['id']}") for each in (receipt, draft)] == [receipt, draft]
