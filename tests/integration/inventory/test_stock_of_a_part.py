"""The list of one part has an order of its own; its rows are those that the list of all parts has of it, page by page (I-20)."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

import pytest

from chassis.domain.aggregate import new_id
from services.inventory.stock import Document
from tests.integration.inventory.store_room import StoreRoom
from tests.integration.inventory.test_places import sent
from tests.support.serving import Served

WAYS = (None, "quality", "bin", "serial", "site")
SORTS = (None, "part_number", "-part_name", "unit", "-part_id", "site_id", "-warehouse_code", "on_hand", "-available", "bin_code")


@pytest.fixture(scope="module")
def scattered(inventory: Served) -> tuple[list[StoreRoom], list[str]]:
    """A part and a tracked one, at three sites: in two good stores and a bad one, in bins and beside them, on the road."""
    rooms = [StoreRoom(inventory) for _ in range(3)]
    parts = [rooms[0].part(), rooms[0].part(serial_tracked=True)]
    for number, room in enumerate(rooms):
        second, bad = room.warehouse("G2"), room.warehouse("B1", "bad")
        (a, b) = (room.ok("POST", "/bins", {"warehouse_id": room.good, "code": code, "name": code})["id"] for code in "AB")
        room.receive(parts[0], 3, bin_id=a)
        room.receive(parts[0], 2 + number, bin_id=b)
        room.receive(parts[0], 4)
        room.receive(parts[0], 1, warehouse=second)
        room.receive(parts[0], 2, warehouse=bad)
        sent(room, parts[0], good=1, bad=1)
        room.receive(parts[1], 2, bin_id=a, serial_numbers=[f"{number}-X", f"{number}-A"])
        room.pieces(parts[1], f"{number}-M", f"{number}-C", warehouse=second)
        with room.opened(parts[1], pieces=[f"{number}-M"]) as (store,):
            shelf = next(s for s in store.shelves.values() if s.place.id == UUID(second) and s.part_id == UUID(parts[1]))
            piece = store.piece(UUID(parts[1]), f"{number}-M")
            assert piece is not None
            store.ship(shelf, Decimal(1), Document("transfer", new_id()), [piece])
    return rooms, parts


def listed(room: StoreRoom, limit: int, **query: Any) -> list[dict[str, Any]]:
    """All pages of so many."""
    items: list[dict[str, Any]] = []
    given = {name: value for name, value in query.items() if value is not None}
    cursor = None
    while True:
        page = room.ok("GET", "/stock", limit=limit, **given, **({"cursor": cursor} if cursor else {}))
        items += page["items"]
        if (cursor := page["next_cursor"]) is None:
            return items


@pytest.mark.parametrize("by", WAYS, ids=str)
@pytest.mark.parametrize("sort", SORTS, ids=str)
def test_it_is_paged_in_every_way(scattered: tuple[list[StoreRoom], list[str]], by: str | None, sort: str | None) -> None:
    (room, *_), parts = scattered
    part = parts[by == "serial"]
    whole = listed(room, 200, part_id=part, by=by, sort=sort)
    assert len(whole) > 2 and listed(room, 2, part_id=part, by=by, sort=sort) == whole
    assert room.ok("GET", "/stock", part_id=part, total="true", **({"by": by} if by else {}))["total"] == len(whole)


@pytest.mark.parametrize("by", WAYS, ids=str)
def test_it_has_the_rows_that_the_list_of_all_has(scattered: tuple[list[StoreRoom], list[str]], by: str | None) -> None:
    rooms, parts = scattered

    def shown(**query: Any) -> list[str]:
        return sorted(str(item) for item in listed(rooms[0], 200, by=by, **query) if item["part_id"] in parts)

    number = rooms[0].ok("GET", f"/parts/{parts[0]}")["number"]
    of_each = [shown(part_id=part) for part in parts]
    assert sorted(chain(*of_each)) == sorted(chain(*(shown(site_id=room.site_id) for room in rooms)))
    assert shown(part_number=number.lower()) == of_each[0] and shown(part_number=f"{number}-other") == []
    assert shown(part_number=number, part_id=parts[1]) == [], "both are asked for"
    query = {"part_number": number, "by": by}
    assert listed(rooms[0], 2, **query) == listed(rooms[0], 200, **query)
    if by != "serial":
        enough = shown(part_id=parts[0], on_hand_from=2)
        assert 0 < len(enough) < len(of_each[0]) or by == "site"
        assert enough == shown(part_id=parts[0], on_hand_from=2, sort="on_hand")
    for room in rooms:
        assert shown(part_id=parts[0], site_id=room.site_id, quality="good") == shown(part_number=number, site_id=room.site_id, quality="good")
