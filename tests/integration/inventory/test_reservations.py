"""Reservations with an end, and such that go from one requisition to another (I-24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.domain.aggregate import new_id
from services.inventory.requisitions import usecases
from tests.integration.inventory.store_room import Job, Slip, StoreRoom


def planned(job: Job) -> Slip:
    return Slip(job.room, job.requisition["id"])


def soon(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**(delta or {"days": 1}))).isoformat()


def hold(part: str, quantity: float, until: str | None = None) -> dict[str, Any]:
    return {"lines": [{"part_id": part, "quantity": quantity}], "until": until or soon()}


def pass_by(room: StoreRoom, slip: Slip) -> None:
    """The moment has come."""
    with room.served.database.uow() as uow:
        uow.later("UPDATE requisition_lines SET held_until = now() - interval '1 second' WHERE requisition_id = %s AND held > 0", (slip.id,))
    with room.served.database.uow() as uow:
        assert usecases.expire(uow) >= 1


def test_parts_are_kept_for_a_quote_that_nobody_has_approved_yet(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 3)
    job = room.job().quote()
    held = planned(job).do("reserve", hold(part, 2))
    (line,) = held["lines"]
    assert (held["state"], line["held"], line["reserved"], line["needed"], line["short"]) == ("draft", 2, 2, 0, 0)
    assert (room.stock(part), job.told()) == ((3, 2), []), "to the order nothing is reserved yet"
    other = room.job().approve({part: 2})
    assert other.line(part) == (2, 1, 0, 0, 1)
    job.approve({part: 2})
    (line,) = job.requisition["lines"]
    assert (line["held"], line["held_until"], job.line(part)) == (0, None, (2, 2, 0, 0, 0))
    room.check()


def test_what_is_kept_has_an_end_and_serves_others_then(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 3)
    job, slip = room.job().quote(), room.ask({part: 1}, draft=True)
    planned(job).do("reserve", hold(part, 2))
    slip.do("reserve", hold(part, 1))
    waiting = room.job().approve({part: 2})
    assert waiting.line(part) == (2, 0, 0, 0, 2)
    pass_by(room, planned(job))
    assert (waiting.line(part), job.requisition["lines"], room.stock(part)) == ((2, 2, 0, 0, 0), [], (3, 3))
    assert waiting.told()[-1]["reserved_all"]
    pass_by(room, slip)
    assert (slip.now["lines"][0]["held"], room.stock(part)) == (0, (3, 2))
    room.check()


def test_a_second_reservation_stands_in_place_of_the_first(room: StoreRoom) -> None:
    part, other = room.part(), room.part()
    room.receive(part, 3)
    room.receive(other, 1)
    slip = planned(room.job().quote())
    slip.do("reserve", hold(part, 3))
    slip.do("reserve", {"lines": [{"part_id": part, "quantity": 1}, {"part_id": other, "quantity": 1}], "until": soon()})
    assert (room.stock(part), room.stock(other)) == ((3, 1), (1, 1))
    refused = slip.attempt("reserve", {"lines": [{"part_id": part, "quantity": 2}, {"part_id": other, "quantity": 2}], "until": soon()})
    assert (refused.status_code, refused.json()["code"], [(line["part_id"], line["short"]) for line in refused.json()["parts"]]) == (409, "insufficient_stock", [(other, 1)])
    assert (room.stock(part), room.stock(other)) == ((3, 1), (1, 1)), "nothing is half saved"
    slip.do("reserve", {"lines": []})
    assert (room.stock(part), room.stock(other)) == ((3, 0), (1, 0))
    room.check()


@pytest.mark.parametrize("seconds", [None, -1, 400 * 86400])
def test_every_reservation_has_an_end_that_is_to_come(room: StoreRoom, seconds: int | None) -> None:
    part = room.part()
    room.receive(part, 1)
    body = hold(part, 1, soon(seconds=seconds)) if seconds else {"lines": hold(part, 1)["lines"]}
    answer = planned(room.job().quote()).attempt("reserve", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "until"), answer.text
    assert room.stock(part) == (1, 0)


def test_a_cancelled_order_and_a_removed_draft_give_up_what_was_kept(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2)
    job, draft = room.job().quote(), room.ask({part: 1}, draft=True)
    for slip in (planned(job), draft):
        slip.do("reserve", hold(part, 1))
    draft.do("delete")
    assert room.stock(part) == (2, 1)
    job.cancel()
    assert (room.stock(part), job.requisition["state"]) == ((2, 0), "done")
    room.check()


def test_applying_for_a_draft_keeps_what_was_kept_for_it(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2)
    draft = room.ask({part: 2}, draft=True)
    draft.do("reserve", hold(part, 2))
    waiting = room.job().approve({part: 1})
    assert draft.do("apply")["state"] == "processing"
    assert (draft.line(part), waiting.line(part)) == ((2, 2, 0, 0, 0), (1, 0, 0, 0, 1))
    assert draft.attempt("reserve", hold(part, 1)).json()["code"] == "bad_transition"
    room.check()


def test_an_urgent_order_gets_what_another_has_reserved(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2)
    first, urgent = room.job().approve({part: 2}), room.job().approve({part: 1})
    target = {"to_requisition_id": urgent.requisition["id"]}
    over = planned(first).attempt("reallot", {**target, "lines": [{"part_id": part, "quantity": 2}]})
    assert (over.status_code, over.json()["code"]) == (409, "insufficient_stock")
    assert over.json()["parts"] == [{"part_id": part, "quantity": 2, "reserved": 2, "missing": 1}]
    for stranger in (room.part(), str(new_id())):  # on neither of them, or none at all
        refused = planned(first).attempt("reallot", {**target, "lines": [{"part_id": stranger, "quantity": 1}]})
        assert (refused.status_code, refused.json()["code"]) in ((409, "insufficient_stock"), (422, "unknown_reference")), refused.text
    moved = planned(first).do("reallot", {**target, "lines": [{"part_id": part, "quantity": 1}]})
    assert (moved["state"], first.line(part), urgent.line(part)) == ("applied", (2, 1, 0, 0, 1), (1, 1, 0, 0, 0))
    assert (first.told()[-1]["reserved_all"], urgent.told()[-1]["reserved_all"]) == (False, True)
    room.receive(part, 1)
    assert first.line(part) == (2, 2, 0, 0, 0)
    stranger = StoreRoom(room.served).job().quote()
    for id_ in (stranger.requisition["id"], str(new_id())):
        answer = planned(first).attempt("reallot", {"to_requisition_id": id_, "lines": [{"part_id": part, "quantity": 1}]})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_reference"), "of this site only"
    room.check()


def test_what_is_given_within_an_order_stays_the_orders(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 1)
    job = room.job().approve({part: 2})
    slip = room.ask({part: 1}, job)  # who comes for it gets what there is
    assert (slip.line(part), job.line(part)) == ((1, 1, 0, 0, 0), (1, 0, 0, 0, 1))
    slip.do("reallot", {"to_requisition_id": job.requisition["id"], "lines": [{"part_id": part, "quantity": 1}]})
    assert (slip.line(part), job.line(part), len(job.told())) == ((1, 0, 0, 0, 1), (1, 1, 0, 0, 0), 1)
    room.check()


def test_eight_at_once_keep_no_more_than_lies_there(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2)
    drafts = [room.ask({part: 1}, draft=True) for _ in range(8)]
    answers = room.served.together([("POST", f"/requisitions/{draft.id}/reserve", hold(part, 1)) for draft in drafts])
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [409] * 6
    assert room.stock(part) == (2, 2)
    room.check()
