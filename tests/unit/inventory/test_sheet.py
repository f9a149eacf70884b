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
from services.inventory.requisitions.demand import Demand
from services.inventory.requisitions.loading import in_turn
from services.inventory.requisitions.requisition import Requisition, RequisitionLine, State
from services.inventory.requisitions.sheet import Sheet
from services.inventory.requisitions.supply import Supply
from services.inventory.stock import Document, Quality, SiteCopy, Store
from services.inventory.stock.store import Place
from tests.support.announced import announced

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
PART, OTHER = sorted((new_id(), new_id()))
SITE = SiteCopy(id=new_id(), code="SH01", name="x", org_path="/HQ/E/SH01/", time_zone="Asia/Shanghai", sequence=1)


def room(**on_hand: str) -> Store:
    """A store with good warehouses by code and so many of PART in each."""
    store = Store(SITE, [Place(new_id(), code, Quality.GOOD) for code in on_hand or ("G1",)], [])
    for place in store.places:
        if quantity := on_hand.get(place.code):
            store.receive(place.id, PART, Decimal(quantity), Decimal(10), Document("stock_receipt", new_id()))
    return store


def demand(**changed: Any) -> Demand:
    """What an order asks of the store: its supply row and its planned requisition."""
    order = {"id": new_id(), "work_order_id": new_id(), "work_order_number": "RE26110001", "org_path": SITE.org_path, "site_id": SITE.id, "version": 1}
    told = {"technician_id": None, "sequence": 1, "quote_version": 1, "repaired": False, "cancelled": False, "promised_at": NOW, "posted_returns": [], "announced": None}
    supply = Supply(**{**order, **told, **changed})
    return Demand(supply, [Sheet(Requisition.blank(SITE, supply, id=supply.id, planned=True, version=1))])


def by_hand(each: Demand, asked: Mapping[UUID, int], type: str = "normal") -> Sheet:
    """A further requisition of the order, applied for."""
    made = Sheet(Requisition.blank(SITE, each.supply, type=type, applied_at=NOW, number=f"RQ{len(each.sheets)}", version=1))
    made.ask({part: Decimal(quantity) for part, quantity in asked.items()})
    each.sheets[made.requisition.id] = made
    return made


def follow(each: Demand, store: Store, needed: Mapping[UUID, int], repaired: bool = False) -> list[Any]:
    """One transaction as the use case does it, for one order alone; what it announces."""
    assert each.supply is not None
    for sheet in each.drawing:
        sheet.requisition.quote_version = each.supply.quote_version
    each.divide({part: Decimal(quantity) for part, quantity in needed.items()})
    for sheet in each:
        sheet.release(store)
    for sheet in each.drawing:
        sheet.take_back(store)
    for sheet in each:
        for part in sheet.lines:
            sheet.reserve(store, part)
        if repaired and sheet.requisition.draws:
            sheet.issue(store)
    each.conclude({}, "system:test", NOW)
    found = [SimpleNamespace(**data) for _, data in announced(each.supply)]
    return list(found)


def amounts(each: Demand | Sheet, part: UUID = PART) -> tuple[Decimal, ...]:
    line = (each.planned if isinstance(each, Demand) else each).lines[part]
    return (line.needed, line.reserved, line.issued, line.returned, line.short)


def test_what_another_site_issued_comes_back_here_at_its_cost() -> None:
    """The device is at another site: good parts come to that one's first good warehouse, bad ones to its bad one (O-101)."""
    there, here = room(G1="3"), room(H1="1", H2="1")
    asks = demand(repaired=True)
    follow(asks, there, {PART: 3}, repaired=True)
    asks.planned.move(there, new_id(), NOW)
    assert (amounts(asks), by_code(there)) == ((3, 0, 3, 0, 0), {"G1": (0, 0)})
    assert asks.planned.give_back(here, PART, Decimal(1), Quality.GOOD) == 1
    assert asks.planned.give_back(here, PART, Decimal(1), Quality.BAD) == 1
    assert by_code(here) == {"H1": (2, 0), "H2": (1, 0)}
    assert [(it.kind, it.quantity, it.value) for it in here.movements[-2:]] == [("return", 1, 10), ("return", 1, 10)]
    follow(asks, here, {})  # the rest had crossed: its issue is undone
    assert (here.movements[-1].kind, by_code(here)["H1"][0], amounts(asks)[2:4]) == ("take_back", 3, (2, 2))
    assert not there.movements[2:], "nothing moves in the store that issued it"


def test_what_is_kept_in_the_former_store_is_free_and_short() -> None:
    there = room(G1="3")
    asks = demand()
    follow(asks, there, {PART: 2})
    site = new_id()
    asks.planned.move(there, site, NOW)
    line = asks.planned.lines[PART]
    assert (amounts(asks), by_code(there), line.short_since) == ((2, 0, 0, 0, 2), {"G1": (3, 0)}, NOW)
    assert {asks.planned.requisition.site_id, line.site_id} == {site}


def by_code(store: Store) -> dict[str, tuple[Decimal, Decimal]]:
    return {shelf.place.code: (shelf.on_hand, shelf.reserved) for shelf in store.good(PART)}


def test_reservations_fill_up_by_code_and_empty_backwards() -> None:
    store, each = room(G1="2", G2="2", G3="2"), demand()
    follow(each, store, {PART: 5})
    assert by_code(store) == {"G1": (2, 2), "G2": (2, 2), "G3": (2, 1)}
    follow(each, store, {PART: 3})
    assert by_code(store) == {"G1": (2, 2), "G2": (2, 1), "G3": (2, 0)}


def test_the_net_rule() -> None:
    """To issue = needed - out; out = issued - returned."""
    store, each = room(G1="10"), demand()
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
    store, each = room(G1="1", G2="3"), demand()
    follow(each, store, {PART: 3}, repaired=True)
    follow(each, store, {PART: 2})
    assert (amounts(each), by_code(store)) == ((2, 0, 2, 0, 0), {"G1": (0, 0), "G2": (2, 0)})
    follow(each, store, {})
    assert by_code(store) == {"G1": (1, 0), "G2": (3, 0)}
    assert sum(move.value for move in store.movements) == Decimal("40.00")


def test_a_return_posts_once_and_never_what_others_hold() -> None:
    store, each = room(G1="1"), demand()
    follow(each, store, {PART: 1}, repaired=True)
    for _ in range(2):
        each.post_return(store, "r1", PART, Decimal(1), Quality.GOOD)
    assert (each.planned.lines[PART].returned, by_code(store)) == (1, {"G1": (1, 0)})
    store.good(PART)[0].reserve(Decimal(1))  # somebody else's by now
    each.post_return(store, "r2", PART, Decimal(1), Quality.BAD)
    assert (each.planned.lines[PART].returned, each.supply.posted_returns) == (1, ["r1"])


def test_states_follow_from_what_is_needed_and_out() -> None:
    store, each = room(G1="1"), demand(quote_version=None)
    follow(each, store, {})
    assert each.planned.requisition.state is State.DRAFT
    each.supply.quote_version = 1
    seen = []
    for needed, repaired in (({PART: 2}, False), ({PART: 1}, False), ({PART: 1}, True), ({}, False)):
        follow(each, store, needed, repaired)
        seen.append(each.planned.requisition.state)
    assert seen == [State.APPLIED, State.PROCESSING, State.OUT, State.DONE]


def test_one_event_tells_all_and_nothing_is_told_twice() -> None:
    store, each = room(G1="1"), demand()
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
    assert each.planned.lines[OTHER].short_since == NOW


def waiting(minutes: int, missing: int, part: UUID = PART) -> RequisitionLine:
    each = demand(promised_at=NOW + timedelta(minutes=minutes)).planned
    each.need({part: Decimal(missing)})
    return each.lines[part]


def test_the_oldest_promise_is_served_first_as_far_as_it_goes() -> None:
    late, early, middle, elsewhere = waiting(9, 1), waiting(1, 3), waiting(5, 2), waiting(0, 1, OTHER)
    assert list(in_turn([late, early, middle, elsewhere], {PART: Decimal(4)})) == [early, middle]
    assert list(in_turn([late, middle], {PART: Decimal("0.5")})) == [middle]
    assert list(in_turn([late], {})) == []


def test_what_is_asked_by_hand_is_taken_from_what_is_planned() -> None:
    """The order's need is divided: first what is out, then what was asked by hand, oldest first; the rest is planned (I-50)."""
    store, each = room(G1="9"), demand()
    follow(each, store, {PART: 5})
    first, second = by_hand(each, {PART: 2}), by_hand(each, {PART: 2})
    follow(each, store, {PART: 5})
    assert [amounts(it)[:2] for it in (each, first, second)] == [(1, 1), (2, 2), (2, 2)]
    second.issue(store)
    follow(each, store, {PART: 3})  # quoted anew: what is out stays, the rest goes to who asked first
    assert [amounts(it)[:3] for it in (each, first, second)] == [(0, 0, 0), (1, 1, 0), (2, 0, 2)]
    follow(each, store, {PART: 1})
    assert [amounts(it)[:3] for it in (each, first, second)] == [(0, 0, 0), (0, 0, 0), (1, 0, 1)]
    assert [it.requisition.state for it in (each.planned, first, second)] == [State.DONE, State.DONE, State.OUT]
    (told,) = follow(each, store, {PART: 6})
    assert told.lines == [{"part_id": str(PART), "needed": 6, "reserved": 5, "issued": 1, "returned": 0}]
    assert [amounts(it)[:3] for it in (each, first, second)] == [(2, 2, 0), (2, 2, 0), (2, 1, 1)]


def test_internal_parts_are_nothing_to_the_quote() -> None:
    store, each = room(G1="9"), demand()
    internal = by_hand(each, {PART: 2}, "internal")
    (told,) = follow(each, store, {PART: 1})
    assert (amounts(each)[:2], amounts(internal)[:2]) == ((1, 1), (2, 2))
    assert told.lines == [{"part_id": str(PART), "needed": 1, "reserved": 1, "issued": 0, "returned": 0}]
    internal.issue(store)
    assert follow(each, store, {PART: 1}) == []
    each.supply.cancelled = each.planned.requisition.cancelled = True  # type: ignore[union-attr]
    each.void()
    follow(each, store, {})
    assert (amounts(each)[:2], amounts(internal)[:3]) == ((0, 0), (2, 0, 2))
    assert (each.planned.requisition.state, internal.requisition.state) == (State.DONE, State.OUT)
    internal.give_back(store, PART, Decimal(2), Quality.GOOD)
    follow(each, store, {})
    assert (internal.requisition.state, by_code(store)) == (State.DONE, {"G1": (9, 0)})


def test_a_return_finds_the_requisition_its_part_is_out_of() -> None:
    store, each = room(G1="9"), demand()
    hand = by_hand(each, {PART: 2})
    follow(each, store, {PART: 3}, repaired=True)
    each.post_return(store, "r1", PART, Decimal(2), Quality.GOOD)
    assert [amounts(it)[2:4] for it in (each, hand)] == [(1, 1), (2, 1)]
    follow(each, store, {PART: 1}, repaired=True)
    assert ([amounts(it)[:4] for it in (each, hand)], by_code(store)) == ([(0, 0, 1, 1), (1, 0, 2, 1)], {"G1": (8, 0)})


def test_what_is_held_for_a_draft_is_needed_once_the_quote_is_approved() -> None:
    store, each = room(G1="3"), demand(quote_version=None)
    line = each.planned.line(PART)
    line.hold(Decimal(2), NOW + timedelta(days=1))
    each.planned.reserve(store, PART)
    assert follow(each, store, {}) == []  # the order has nothing reserved: nobody has agreed yet
    assert (by_code(store), each.planned.requisition.state) == ({"G1": (3, 2)}, State.DRAFT)
    each.supply.quote_version = 1  # type: ignore[union-attr]
    (told,) = follow(each, store, {PART: 1})
    assert (by_code(store), line.held, told.lines[0]["reserved"]) == ({"G1": (3, 1)}, 0, 1)


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
