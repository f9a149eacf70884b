"""Shelves and the moving average (I-20, I-21), without a database."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from chassis.domain.aggregate import new_id
from services.inventory.stock import Document, InsufficientStock, Quality, Shelf, SiteCopy, Store, share
from services.inventory.stock.shelf import Place

PART = new_id()
DOCUMENT = Document("stock_receipt", new_id())


def store(*places: tuple[str, Quality]) -> Store:
    site = SiteCopy(
        id=new_id(),
        code="SH01",
        name="上海一店",
        org_path="/HQ/E/SH01/",
        time_zone="Asia/Shanghai",
        sequence=1,
    )
    return Store(
        site, [Place(new_id(), code, quality) for code, quality in places or [("G1", Quality.GOOD)]], []
    )


def receive(room: Store, quantity: str, cost: str) -> Shelf:
    where = room.places[0].id
    room.receive(where, PART, Decimal(quantity), Decimal(cost), DOCUMENT)
    return room.shelf(where, PART)


def test_the_average_moves_with_receipts_and_not_with_issues() -> None:
    room = store()
    receive(room, "1", "1.00")
    shelf = receive(room, "2", "2.00")
    assert shelf.value == Decimal("5.00")
    assert room.issue(shelf, Decimal(1), DOCUMENT) == Decimal("1.6667")
    receive(room, "2", "4.00")
    assert (shelf.on_hand, shelf.value) == (4, Decimal("11.3333"))
    assert room.issue(shelf, Decimal(4), DOCUMENT) == Decimal("11.3333")
    assert (shelf.on_hand, shelf.value) == (0, 0)
    assert [(move.kind, move.quantity, move.value) for move in room.movements] == [
        ("receipt", 1, Decimal("1.00")),
        ("receipt", 2, Decimal("4.00")),
        ("issue", -1, Decimal("-1.6667")),
        ("receipt", 2, Decimal("8.00")),
        ("issue", -4, Decimal("-11.3333")),
    ]
    assert [move.unit_cost for move in room.movements][2] == Decimal("1.6667")


def test_what_stock_is_worth_has_four_decimals_rounded_half_up() -> None:
    assert receive(store(), "0.125", "0.6000").value == Decimal("0.0750")
    assert receive(store(), "0.001", "0.0500").value == Decimal("0.0001")


def test_only_free_pieces_can_be_reserved_or_issued() -> None:
    room = store()
    shelf = receive(room, "5", "1.00")
    shelf.reserve(Decimal(3))
    for refused in (lambda: shelf.reserve(Decimal("2.001")), lambda: room.issue(shelf, Decimal(3), DOCUMENT)):
        with pytest.raises(InsufficientStock):
            refused()
    with pytest.raises(InsufficientStock):
        shelf.reserve(Decimal(-4))
    assert (shelf.on_hand, shelf.reserved, shelf.free, len(room.movements)) == (5, 3, 2, 1)


def test_orders_are_served_from_good_warehouses_by_code() -> None:
    room = store(("G2", Quality.GOOD), ("A", Quality.BAD), ("B", Quality.TO_CHECK), ("G1", Quality.GOOD))
    for place in room.places:
        room.receive(place.id, PART, Decimal(1), Decimal(1), DOCUMENT)
    assert [shelf.place.code for shelf in room.good(PART)] == ["G1", "G2"]
    assert room.free(PART) == 2
    assert room.bad_warehouse() == room.places[0].id
    assert room.opened == []


def test_what_is_sent_lies_in_transit_by_quality_until_it_arrives() -> None:
    room, other = store(("G1", Quality.GOOD), ("B1", Quality.BAD)), store(("G1", Quality.GOOD), ("C1", Quality.TO_CHECK))
    for place, cost in zip(room.places, ("3.3333", "1.0000"), strict=True):
        room.receive(place.id, PART, Decimal(3), Decimal(cost), DOCUMENT)
    bad, good = (room.shelf(place.id, PART) for place in room.places)
    good.reserve(Decimal(1))
    with pytest.raises(InsufficientStock):
        room.ship(good, Decimal("2.001"), DOCUMENT)
    assert [room.ship(shelf, Decimal(2), DOCUMENT) for shelf in (good, bad)] == [Decimal("2.0000"), Decimal("6.6666")]
    (opened,) = room.opened
    assert (opened.code, opened.kind, opened.quality) == ("SH01-TRANSIT", "transit", None)
    roads = [room.shelf(opened.id, PART, quality) for quality in (Quality.GOOD, Quality.BAD)]
    assert [(road.on_hand, road.value) for road in roads] == [(2, 2), (2, Decimal("6.6666"))]
    assert room.free(PART) == 0, "what is on the road serves nobody"
    to_check = next(place.id for place in other.places if place.quality is Quality.TO_CHECK)
    assert room.arrive(roads[1], other, to_check, Decimal(1), DOCUMENT) == Decimal("3.3333")
    assert room.arrive(roads[1], other, to_check, Decimal(1), DOCUMENT) == Decimal("3.3333")
    assert (other.shelf(to_check, PART).value, roads[1].value, roads[1].on_hand) == (Decimal("6.6666"), 0, 0)
    with pytest.raises(InsufficientStock):
        room.arrive(roads[1], other, to_check, Decimal(1), DOCUMENT)
    assert sum(move.quantity for each in (room, other) for move in each.movements if move.kind in ("ship", "arrive")) == 0


def test_a_site_without_bad_warehouse_gets_one() -> None:
    room = store()
    assert room.bad_warehouse() == room.bad_warehouse() == room.opened[0].id
    opened = room.opened[0]
    assert (opened.code, opened.quality, opened.org_path, len(room.opened)) == (
        "SH01-BAD",
        Quality.BAD,
        "/HQ/E/SH01/",
        1,
    )


values = st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-4))
thousandths = st.integers(1, 10**6).map(lambda n: Decimal(n).scaleb(-3))


@given(value=values, pieces=st.lists(thousandths, min_size=1, max_size=8))
def test_taking_all_out_piece_by_piece_leaves_no_value(value: Decimal, pieces: list[Decimal]) -> None:
    left, rest = sum(pieces, Decimal(0)), value
    for piece in pieces:
        taken = share(rest, piece, left)
        assert 0 <= taken <= rest
        left, rest = left - piece, rest - taken
    assert (left, rest) == (0, 0)
