"""Inventory follows the order: reservation, shortage, issue, return, crossing (I-24, I-50, I-51, I-60)."""

from __future__ import annotations

from chassis.messaging.inbox import Outcome
from tests.integration.inventory.store_room import StoreRoom


def test_an_approved_quote_is_reserved_and_a_repaired_one_issued(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 5)
    job = room.job().quote().approve({part: 3})
    assert (room.stock(part), job.line(part), job.requisition["state"]) == (
        (5, 3),
        (3, 3, 0, 0, 0),
        "processing",
    )
    assert job.requisition["allowed_actions"] == ["issue", "reallot"]
    job.repaired({part: 3})
    assert (room.stock(part), job.line(part), job.requisition["state"]) == ((2, 0), (3, 0, 3, 0, 0), "out")
    reserved, issued = job.told()
    assert (reserved["work_order_id"], reserved["quote_version"]) == (job.id, 1)
    assert (reserved["reserved_all"], reserved["issued_all"], reserved["issued_any"]) == (True, False, False)
    assert (issued["reserved_all"], issued["issued_all"], issued["issued_any"]) == (True, True, True)
    assert issued["lines"] == [{"part_id": part, "needed": 3, "reserved": 0, "issued": 3, "returned": 0}]
    (movement,) = room.ok("GET", "/stock-movements", work_order_id=job.id)["items"]
    assert (movement["kind"], movement["quantity"], movement["document_id"]) == (
        "issue",
        -3,
        job.requisition["id"],
    )
    room.check()


def test_good_warehouses_serve_by_code_and_bad_ones_never(room: StoreRoom) -> None:
    part = room.part()
    second, bad = room.warehouse("G2"), room.warehouse("A-BAD", "bad")
    for warehouse, quantity in ((second, 5), (room.good, 2), (bad, 9)):
        room.receive(part, quantity, warehouse=warehouse)
    job = room.job().approve({part: 6})
    assert [room.stock(part, warehouse) for warehouse in (room.good, second, bad)] == [(2, 2), (5, 4), (9, 0)]
    job.approve({part: 1})  # the last warehouse gives up first
    assert [room.stock(part, warehouse)[1] for warehouse in (room.good, second)] == [1, 0]
    room.check()


def test_a_shortage_keeps_what_there_is_and_the_oldest_promise_is_served_first(room: StoreRoom) -> None:
    part, second = room.part(), room.warehouse("G2")
    room.receive(part, 1)
    older, younger = room.job(), room.job()
    younger.approve({part: 2})
    older.approve({part: 3})
    assert [job.line(part) for job in (younger, older)] == [(2, 1, 0, 0, 1), (3, 0, 0, 0, 3)]
    assert (older.requisition["state"], older.told()[-1]["reserved_all"]) == ("applied", False)
    sheet = room.ok("GET", "/shortages", part_id=part)["items"]
    assert [(item["work_order_id"], item["short"], item["age_days"]) for item in sheet] == [
        (older.id, 3, 0),
        (younger.id, 1, 0),
    ]
    room.receive(part, 2, warehouse=second)
    assert [job.line(part) for job in (younger, older)] == [(2, 1, 0, 0, 1), (3, 2, 0, 0, 1)]
    room.receive(part, 3)
    assert [job.line(part) for job in (younger, older)] == [(2, 2, 0, 0, 0), (3, 3, 0, 0, 0)]
    assert [job.told()[-1]["reserved_all"] for job in (younger, older)] == [True, True]
    assert [len(job.told()) for job in (younger, older)] == [2, 3]
    assert room.ok("GET", "/shortages", site_id=room.site_id)["items"] == []
    assert room.stock(part) == (4, 3)
    room.check()


def test_other_sites_stock_serves_nobody_here(room: StoreRoom) -> None:
    part, other = room.part(), StoreRoom(room.served)
    job = room.job().approve({part: 1})
    other.receive(part, 5)
    assert (job.line(part), other.stock(part)) == ((1, 0, 0, 0, 1), (5, 0))


def test_what_is_short_when_repaired_is_issued_when_it_arrives(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 1)
    job = room.job().repaired({part: 2})
    assert (room.stock(part), job.line(part)) == ((0, 0), (2, 0, 1, 0, 1))
    assert (job.told()[-1]["issued_all"], job.told()[-1]["issued_any"]) == (False, True)
    room.receive(part, 4)
    assert (room.stock(part), job.line(part), job.requisition["state"]) == ((3, 0), (2, 0, 2, 0, 0), "out")
    room.check()


def test_a_cancelled_order_frees_for_others(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2)
    first = room.job().approve({part: 2})
    second = room.job().approve({part: 1})
    first.cancel()
    assert (first.requisition["state"], second.line(part), room.stock(part)) == (
        "done",
        (1, 1, 0, 0, 0),
        (2, 1),
    )
    assert first.told()[-1]["quote_version"] is None
    assert second.told()[-1]["reserved_all"]
    room.check()


def test_a_cancel_that_crossed_an_issue_takes_the_parts_back(room: StoreRoom) -> None:
    part, second = room.part(), room.warehouse("G2")
    room.receive(part, 2, "10.00")
    room.receive(part, 2, "20.00", second)
    job = room.job().approve({part: 3})
    assert job.issue().status_code == 200
    assert [room.stock(part, where)[0] for where in (room.good, second)] == [0, 1]
    waiting = room.job().approve({part: 2})
    job.cancel()
    assert job.requisition["lines"] == []
    assert [room.stock(part, where) for where in (room.good, second)] == [(2, 1), (2, 1)]
    assert [room.value(part, where) for where in (room.good, second)] == ["20.0000", "40.0000"]
    assert (job.told()[-1]["issued_any"], waiting.told()[-1]["reserved_all"]) == (False, True)
    kinds = [
        item["kind"] for item in room.ok("GET", "/stock-movements", work_order_id=job.id, sort="at")["items"]
    ]
    assert sorted(kinds) == ["issue", "issue", "take_back", "take_back"]
    room.check()


def test_a_new_quote_frees_and_a_smaller_one_takes_back_once_it_is_approved(room: StoreRoom) -> None:
    bearing, seal = room.part(), room.part()
    room.receive(bearing, 5)
    room.receive(seal, 5)
    job = room.job().quote().approve({bearing: 3, seal: 1})
    assert job.issue().status_code == 200
    job.quote()
    assert (room.stock(bearing), room.stock(seal), job.requisition["state"]) == ((2, 0), (4, 0), "draft")
    job.approve({bearing: 1})
    job.repaired({bearing: 1})
    assert (room.stock(bearing), room.stock(seal)) == ((4, 0), (5, 0))
    assert job.told()[-1]["quote_version"] == 2
    assert [line["part_id"] for line in job.told()[-1]["lines"]] == [bearing]
    room.check()


def test_after_a_failed_check_only_the_difference_is_issued(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 5)
    job = room.job().approve({part: 2}).repaired({part: 2})
    job.repaired({part: 3})
    assert (room.stock(part), job.line(part)) == ((2, 0), (3, 0, 3, 0, 0))
    quantities = [
        item["quantity"] for item in room.ok("GET", "/stock-movements", work_order_id=job.id)["items"]
    ]
    assert sorted(quantities) == [-2, -1]


def test_what_is_built_in_stays_out_while_a_larger_quote_waits_for_approval(room: StoreRoom) -> None:
    """Taken back, it would be promised to the next order although it is in this device."""
    part = room.part()
    room.receive(part, 2)
    job = room.job().quote().approve({part: 1}).repaired({part: 1})
    waiting = room.job().approve({part: 2})
    job.quote()
    assert (room.stock(part), job.line(part), waiting.line(part)) == ((1, 1), (0, 0, 1, 0, 0), (2, 1, 0, 0, 1))
    room.receive(part, 3)
    job.approve({part: 3})
    assert (room.stock(part), job.line(part)) == ((4, 4), (3, 2, 1, 0, 0))
    job.repaired({part: 3})
    quantities = [
        item["quantity"] for item in room.ok("GET", "/stock-movements", work_order_id=job.id)["items"]
    ]
    assert sorted(quantities) == [-2, -1]
    room.check()


def test_returns_go_back_good_or_bad_once_and_at_cost(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 4, "10.00")
    job = room.job().approve({part: 3}).repaired({part: 3})
    room.receive(part, 1, "20.00")  # the average moves on, what is out keeps its own
    job.give_back(part, 1, "good", {part: 2}, repaired=True)
    assert (room.stock(part), room.value(part), job.line(part)) == ((3, 0), "40.0000", (2, 0, 3, 1, 0))
    waiting = room.job().approve({part: 4})
    job.give_back(part, 1, "bad", {part: 1}, repaired=True)
    (bad,) = room.ok("GET", "/warehouses", site_id=room.site_id, quality="bad")["items"]
    assert bad["code"] == f"{room.code}-BAD"
    assert (room.stock(part, bad["id"]), room.value(part, bad["id"])) == ((1, 0), "10.0000")
    assert waiting.line(part) == (4, 3, 0, 0, 1)
    job.give_back(part, 1, "good", {}, repaired=True)
    assert waiting.line(part) == (4, 4, 0, 0, 0)
    assert (job.requisition["state"], job.line(part)) == ("done", (0, 0, 3, 3, 0))
    kinds = [item["kind"] for item in room.ok("GET", "/stock-movements", work_order_id=job.id)["items"]]
    assert sorted(kinds) == ["issue", "return", "return", "return"]
    room.check()


def test_bad_parts_go_to_the_sites_first_bad_warehouse(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 1)
    second, first = room.warehouse("B2", "bad"), room.warehouse("B1", "bad")
    room.job().repaired({part: 1}).give_back(part, 1, "bad", {}, repaired=True)
    assert (room.stock(part, first), room.stock(part, second)) == ((1, 0), (0, 0))


def test_a_bad_return_that_crossed_a_smaller_quote_still_ends_in_the_bad_warehouse(room: StoreRoom) -> None:
    """The approval took the part back by itself; the return says where it really is."""
    part = room.part()
    room.receive(part, 2)
    job = room.job().quote().approve({part: 1}).repaired({part: 1}).quote().approve({})
    assert room.stock(part) == (2, 0)
    job.give_back(part, 1, "bad", {})
    (bad,) = room.ok("GET", "/warehouses", site_id=room.site_id, quality="bad")["items"]
    assert (room.stock(part), room.stock(part, bad["id"]), job.line(part)) == (
        (1, 0),
        (1, 0),
        (0, 0, 1, 1, 0),
    )
    room.check()


def test_a_repeated_or_late_event_changes_nothing(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 5)
    job = room.job()
    early, late = job.event("quote_approved", {part: 2}), job.event("repaired", {part: 3}, repaired=True)
    assert room.served.receive(late) is Outcome.DONE
    assert room.served.receive(late) is Outcome.DUPLICATE
    before = job.requisition
    assert room.served.receive(early) is Outcome.DONE
    assert (job.requisition, room.stock(part)) == (before, (2, 0))


def test_an_order_without_parts_says_nothing_until_its_quote_is_approved(room: StoreRoom) -> None:
    job = room.job().quote()
    assert job.told() == []
    job.approve({})
    (told,) = job.told()
    assert (told["quote_version"], told["reserved_all"], told["issued_all"], told["lines"]) == (
        1,
        True,
        True,
        [],
    )
    job.repaired({})
    assert (len(job.told()), job.requisition["state"]) == (1, "done")


def test_an_order_of_an_unknown_site_waits_for_it(room: StoreRoom) -> None:
    part, later = room.part(), StoreRoom.__new__(StoreRoom)
    later.served, later.code, later.site_id = (
        room.served,
        f"{room.code}9",
        room.site_id.replace(room.site_id[-4:], "0abc"),
    )
    job = later.job()
    assert room.served.receive(job.event("quote_approved", {part: 1})) is Outcome.RETRY
    assert room.served.rows("SELECT 1 FROM requisitions WHERE work_order_id = :id", id=job.id) == []


def test_a_correction_that_voids_the_quote_frees_its_parts_and_one_before_any_quote_is_nothing_to_us(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 5)
    early = room.job()
    early.tell("corrected", quote_version=0, state="registered")
    assert room.ok("GET", "/requisitions", work_order_id=early.id)["items"] == [], "it may still go to another site"
    job = room.job().quote().approve({part: 3})
    late = job.event("corrected", {part: 3})
    job.tell("corrected", approved_version=None)
    assert room.served.receive(late) is Outcome.DONE, "came later, told of before"
    assert (room.stock(part), job.requisition["lines"]) == ((5, 0), [])
    out = room.job().quote().repaired({part: 2})
    out.tell("corrected", approved_version=None)
    assert room.stock(part) == (3, 0), "what is in the device stays there until the new quote"
    room.check()
