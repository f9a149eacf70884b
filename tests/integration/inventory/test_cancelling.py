"""Orders asks the store before it cancels (O-85): what is reserved is free, what is out stays out, and it always answers."""

from __future__ import annotations

from tests.integration.inventory.store_room import Job, StoreRoom


def asked(job: Job) -> Job:
    return job.tell("cancelling", state="cancelling")


def test_what_is_reserved_is_free_and_nothing_leaves_any_more(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2)
    job, waiting = room.job().approve({part: 2}), room.job().approve({part: 1})
    asked(job)
    told = job.told()[-1]
    assert (told["cancelled"], told["issued_any"], [line["reserved"] for line in told["lines"]]) == (True, False, [])
    assert (room.stock(part), waiting.line(part)) == ((2, 1), (1, 1, 0, 0, 0)), "others have it"
    assert (job.issue().json()["state"], room.stock(part)) == ("done", (2, 1))
    job.cancel()
    assert (job.requisition["state"], room.stock(part)) == ("done", (2, 1))
    room.check()


def test_what_is_out_stays_out_until_it_is_returned(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 3)
    job = room.job().approve({part: 2})
    assert job.issue().status_code == 200
    asked(job)
    told = job.told()[-1]
    assert (told["cancelled"], told["issued_any"]) == (True, True)
    assert (job.line(part), room.stock(part)) == ((0, 0, 2, 0, 0), (1, 0))
    job.tell("cancel_refused", {part: 2})
    assert (job.told()[-1]["cancelled"], job.told()[-1]["issued_all"], room.stock(part)) == (False, True, (1, 0))
    job.give_back(part, 2, "good", {})
    asked(job)
    assert (job.told()[-1]["cancelled"], job.told()[-1]["issued_any"], room.stock(part)) == (True, False, (3, 0))
    kinds = [item["kind"] for item in room.ok("GET", "/stock-movements", work_order_id=job.id)["items"]]
    assert sorted(kinds) == ["issue", "return"], "nothing is taken back behind the storekeeper's back"
    room.check()


def test_who_asks_is_answered_also_where_nothing_is_new(room: StoreRoom) -> None:
    job = room.job().approve({room.part(): 1})
    asked(job)
    first = job.told()
    asked(job)
    assert len(job.told()) == len(first) + 1 and job.told()[-1] == first[-1]
    unheard = asked(room.job())  # the first that the store hears of it
    assert [told["cancelled"] for told in unheard.told()] == [True]
