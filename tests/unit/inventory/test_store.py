"""Shelves and the moving average (I-20, I-21), without a database."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from chassis.domain.aggregate import new_id
from services.inventory.stock import (
    Document,
    InBin,
    InsufficientStock,
    Quality,
    SerialConflict,
    Shelf,
    SiteCopy,
    Store,
    share,
)
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



def put(room: Store, shelf: Shelf, bin_: str | None, quantity: int) -> None:
    into = InBin(BINS[bin_], bin_) if bin_ else None
    room.receive(shelf.place.id, PART, Decimal(quantity), Decimal("1.5"), DOCUMENT, into=into)


BINS = {"A1": new_id(), "B1": new_id()}


def test_what_is_issued_leaves_no_bin_first_and_then_bins_by_code() -> None:
    room = store()
    shelf = room.shelf(room.places[0].id, PART)
    for bin_, quantity in (("B1", 2), (None, 1), ("A1", 2)):
        put(room, shelf, bin_, quantity)
    assert [(part.code, part.on_hand) for part in shelf.bins] == [("A1", 2), ("B1", 2)]
    assert room.issue(shelf, Decimal(4), DOCUMENT) == 6
    left = [(move.bin_id, move.quantity, move.value) for move in room.movements if move.kind == "issue"]
    assert left == [(None, -1, Decimal("-1.5")), (BINS["A1"], -2, -3), (BINS["B1"], -1, Decimal("-1.5"))]
    room.taken[DOCUMENT.id, shelf.place.id, PART] = {BINS["A1"]: Decimal(2), BINS["B1"]: Decimal(1)}
    room.put_back("take_back", shelf, Decimal(2), Decimal(3), DOCUMENT)
    assert [(part.code, part.on_hand) for part in shelf.bins] == [("A1", 1), ("B1", 2)], "the last ones go back first"
    room.put_back("take_back", shelf, Decimal(2), Decimal(3), DOCUMENT)
    assert ([(part.code, part.on_hand) for part in shelf.bins], shelf.on_hand, shelf.value) == ([("A1", 2), ("B1", 2)], 5, Decimal("7.5"))


def test_a_piece_is_where_its_movements_took_it() -> None:
    room, order = store(("G1", Quality.GOOD), ("B1", Quality.BAD)), Document("requisition", new_id(), new_id())
    bad, good = (room.shelf(place.id, PART) for place in room.places)
    piece = room.new_piece(PART, " SN–1 ")
    assert (piece.number, room.piece(PART, "sn1"), room.piece(PART, "sn2")) == ("SN–1", piece, None)
    room.receive(good.place.id, PART, Decimal(1), Decimal("1.2345"), DOCUMENT, [piece])
    for wrong in (lambda: room.receive(good.place.id, PART, Decimal(1), Decimal(1), DOCUMENT, [piece]),
                  lambda: room.put_back("return", bad, Decimal(1), Decimal(1), order, [piece])):
        with pytest.raises(SerialConflict) as refused:
            wrong()
        assert refused.value.members["serials"] == [{"part_id": str(PART), "serial_number": "SN–1", "place": "warehouse"}]
    assert room.issue(good, Decimal(1), order, [piece]) == Decimal("1.2345")
    assert (piece.place, piece.place_id, piece.warehouse_id, room.pieces_out(PART, order.work_order_id)) == (
        "order", order.work_order_id, good.place.id, [piece])
    room.put_back("return", bad, Decimal(1), Decimal("1.2345"), order, [piece])
    assert (piece.place, piece.place_id, piece.quality, bad.value, good.value) == ("warehouse", bad.place.id, Quality.BAD, Decimal("1.2345"), 0)
    assert [(move.kind, move.place, move.place_id) for move in room.movements] == [
        ("receipt", "supplier", None), ("issue", "order", order.work_order_id), ("return", "order", order.work_order_id)]


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
