"""A requisition's rules (I-24, I-50, I-51, I-60), without a database: net need, order of service, states."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from hypothesis import given, strategies as st

from chassis.domain.aggregate import new_id
from services.inventory.requisitions.follow import in_turn
from services.inventory.requisitions.requisition import Requisition, RequisitionLine, State
from services.inventory.requisitions.sheet import Sheet
from services.inventory.stock import Document, Quality, SiteCopy, Store
from services.inventory.stock.store import Place
from tests.support.announced import announced

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
PART, OTHER = sorted((new_id(), new_id()))


def room(**on_hand: str) -> Store:
    """A store with good warehouses by code and so many of PART in each."""
    site = SiteCopy(
        id=new_id(), code="SH01", name="x", org_path="/HQ/E/SH01/", time_zone="Asia/Shanghai", sequence=1
    )
    store = Store(site, [Place(new_id(), code, Quality.GOOD) for code in on_hand or ("G1",)], [])
    for place in store.places:
        if quantity := on_hand.get(place.code):
            store.receive(place.id, PART, Decimal(quantity), Decimal(10), Document("stock_receipt", new_id()))
    return store


def sheet(**changed: Any) -> Sheet:
    blank = {
        "id": new_id(), "work_order_id": new_id(), "work_order_number": "RE26110001", "site_id": new_id(),
        "org_path": "/HQ/E/SH01/", "technician_id": None, "state": State.DRAFT, "sequence": 1, "quote_version": 1,
        "repaired": False, "cancelled": False, "promised_at": NOW, "posted_returns": [], "announced": None, "version": 1,
    }  # fmt: skip
    return Sheet(Requisition(**{**blank, **changed}))


def follow(each: Sheet, store: Store, needed: Mapping[UUID, int], repaired: bool = False) -> list[Any]:
    """One transaction as the use case does it, for one order alone; what it announces."""
    each.need({part: Decimal(quantity) for part, quantity in needed.items()})
    each.release(store)
    each.take_back(store)
    for part in needed:
        each.reserve(store, part)
    if repaired:
        each.issue(store)
    each.conclude("follow", "system:test", NOW)
    found = [SimpleNamespace(**data) for _, data in announced(each.requisition)]
    return list(found)


def amounts(each: Sheet, part: UUID = PART) -> tuple[Decimal, ...]:
    line = each.lines[part]
    return (line.needed, line.reserved, line.issued, line.returned, line.short)


def by_code(store: Store) -> dict[str, tuple[Decimal, Decimal]]:
    return {shelf.place.code: (shelf.on_hand, shelf.reserved) for shelf in store.good(PART)}


def test_reservations_fill_up_by_code_and_empty_backwards() -> None:
    store, each = room(G1="2", G2="2", G3="2"), sheet()
    follow(each, store, {PART: 5})
    assert by_code(store) == {"G1": (2, 2), "G2": (2, 2), "G3": (2, 1)}
    follow(each, store, {PART: 3})
    assert by_code(store) == {"G1": (2, 2), "G2": (2, 1), "G3": (2, 0)}


def test_the_net_rule() -> None:
    """To issue = needed - out; out = issued - returned."""
    store, each = room(G1="10"), sheet()
    follow(each, store, {PART: 3}, repaired=True)
    assert amounts(each) == (3, 0, 3, 0, 0)
    follow(each, store, {PART: 5}, repaired=True)
    assert (amounts(each), by_code(store)) == ((5, 0, 5, 0, 0), {"G1": (5, 0)})
    each.post_return(store, "r1", PART, Decimal(2), Quality.GOOD)
    follow(each, store, {PART: 3}, repaired=True)
    assert (amounts(each), by_code(store)) == ((3, 0, 5, 2, 0), {"G1": (7, 0)})
    follow(each, store, {PART: 4}, repaired=True)
    assert amounts(each) == (4, 0, 6, 2, 0)


def test_what_is_out_beyond_the_need_is_taken_back() -> None:
    store, each = room(G1="1", G2="3"), sheet()
    follow(each, store, {PART: 3}, repaired=True)
    follow(each, store, {PART: 2})
    assert (amounts(each), by_code(store)) == ((2, 0, 2, 0, 0), {"G1": (0, 0), "G2": (2, 0)})
    follow(each, store, {})
    assert by_code(store) == {"G1": (1, 0), "G2": (3, 0)}
    assert sum(move.value for move in store.movements) == Decimal("40.00")


def test_a_return_posts_once_and_never_what_others_hold() -> None:
    store, each = room(G1="1"), sheet()
    follow(each, store, {PART: 1}, repaired=True)
    for _ in range(2):
        each.post_return(store, "r1", PART, Decimal(1), Quality.GOOD)
    assert (each.lines[PART].returned, by_code(store)) == (1, {"G1": (1, 0)})
    store.good(PART)[0].reserve(Decimal(1))  # somebody else's by now
    each.post_return(store, "r2", PART, Decimal(1), Quality.BAD)
    assert (each.lines[PART].returned, each.requisition.posted_returns) == (1, ["r1"])


def test_states_follow_from_what_is_needed_and_out() -> None:
    store, each = room(G1="1"), sheet(quote_version=None)
    follow(each, store, {})
    assert each.requisition.state is State.DRAFT
    each.requisition.quote_version = 1
    seen = []
    for needed, repaired in (({PART: 2}, False), ({PART: 1}, False), ({PART: 1}, True), ({}, False)):
        follow(each, store, needed, repaired)
        seen.append(each.requisition.state)
    assert seen == [State.APPLIED, State.PROCESSING, State.OUT, State.DONE]


def test_one_event_tells_all_and_nothing_is_told_twice() -> None:
    store, each = room(G1="1"), sheet()
    (told,) = follow(each, store, {PART: 2, OTHER: 1})
    assert (told.reserved_all, told.issued_all, told.issued_any, told.quote_version) == (
        False,
        False,
        False,
        1,
    )
    assert told.lines == [
        {"part_id": str(PART), "needed": 2, "reserved": 1, "issued": 0, "returned": 0},
        {"part_id": str(OTHER), "needed": 1, "reserved": 0, "issued": 0, "returned": 0},
    ]
    assert follow(each, store, {PART: 2, OTHER: 1}) == []
    assert each.lines[OTHER].short_since == NOW


def waiting(minutes: int, missing: int, part: UUID = PART) -> RequisitionLine:
    each = sheet(promised_at=NOW + timedelta(minutes=minutes))
    each.need({part: Decimal(missing)})
    return each.lines[part]


def test_the_oldest_promise_is_served_first_as_far_as_it_goes() -> None:
    late, early, middle, elsewhere = waiting(9, 1), waiting(1, 3), waiting(5, 2), waiting(0, 1, OTHER)
    assert list(in_turn([late, early, middle, elsewhere], {PART: Decimal(4)})) == [early, middle]
    assert list(in_turn([late, middle], {PART: Decimal("0.5")})) == [middle]
    assert list(in_turn([late], {})) == []


@given(
    free=st.integers(0, 20),
    orders=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), max_size=8),
)
def test_serving_wastes_nothing_and_overtakes_nobody(free: int, orders: list[tuple[int, int]]) -> None:
    lines = [waiting(minutes, missing) for minutes, missing in orders]
    served = list(in_turn(lines, {PART: Decimal(free)}))
    wanted = sum((line.missing for line in served), Decimal(0))
    assert wanted >= min(free, sum(missing for _, missing in orders))  # what is free finds somebody
    assert wanted - (served[-1].missing if served else 0) < max(free, 1)  # nobody is called for nothing
    rest = [line for line in lines if line not in served]
    assert all(a.promised_at <= b.promised_at for a in served for b in rest)
