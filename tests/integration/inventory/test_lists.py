"""Lists (R-11): every sort both ways, page by page without loss or repeat, filters, total, export."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from chassis import contracts
from tests.integration.inventory.store_room import StoreRoom
from tests.support.cells import over
from tests.support.serving import Served

FILTER = {
    "/stock": "site_id",
    "/warehouses": "site_id",
    "/stock-movements": "warehouse_id",
    "/serials": "warehouse_id",
    "/bins": "warehouse_id",
    "/stock-receipts": "site_id",
    "/requisitions": "site_id",
    "/shortages": "site_id",
    "/parts": "q",
}


@pytest.fixture(scope="module")
def busy(inventory: Served) -> StoreRoom:
    """Five parts received twice; three orders with shortages, one without."""
    room = StoreRoom(inventory)
    room.warehouse("G2")
    parts = [room.part(f"{price}.00") for price in (3, 1, 2, 1, 3)]
    for part in parts:
        room.receive(part, 2)
        room.receive(part, 1)
    for count in (4, 5, 6):
        room.job().approve(dict.fromkeys(parts[:2], count))
    room.job().repaired({parts[4]: 1})
    for code in ("A1", "A2", "B1", "B2"):
        room.ok("POST", "/bins", {"warehouse_id": room.good, "code": code, "name": code[0]})
    for count in range(2):
        room.pieces(room.part(serial_tracked=True), f"A{count}", f"B{count}")
    return room


def lists() -> list[tuple[str, str]]:
    """(path, sort) of every list of the service, upwards and downwards."""
    found = []
    for operation in contracts.operations("inventory"):
        for sort in operation.spec.get("x-sorts", ()):
            path = operation.path.removeprefix("/api/v1")
            if path == "/stock-numbers":  # a row for each kind of document: one; test_numbers.py of finance pages through several
                continue
            found += [(path, sort), (path, f"-{sort}")]
    return found


def narrowed(room: StoreRoom, path: str) -> dict[str, Any]:
    name = FILTER[path]
    return {name: {"site_id": room.site_id, "warehouse_id": room.good, "q": room.code}[name]}


@over("path, sort", lists(), " ".join)
def test_pages_hold_every_row_once_in_order(busy: StoreRoom, path: str, sort: str) -> None:
    query = {**narrowed(busy, path), "sort": sort}
    whole = busy.ok("GET", path, limit=200, total="true", **query)
    items, cursor = [], None
    while True:
        page = busy.ok("GET", path, limit=3, **query, **({"cursor": cursor} if cursor else {}))
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(items) > 1
    assert items == whole["items"]
    assert whole["total"] == len(items)
    key = sort.removeprefix("-")
    if key in items[0]:
        shown = [float(item[key]) if key in ("price", "total") else item[key] for item in items]
        filled = sorted((value for value in shown if value is not None), reverse=sort.startswith("-"))
        assert shown == filled + [None] * (len(shown) - len(filled)), "empty values come last"


@pytest.mark.parametrize("path", sorted(FILTER))
def test_a_list_as_a_file_has_the_same_rows(busy: StoreRoom, path: str) -> None:
    query = narrowed(busy, path)
    items = busy.ok("GET", path, limit=200, **query)["items"]
    answer = busy.served.call("GET", path, format="csv", **query)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    first = "id" if "id" in items[0] else "part_id"
    assert [row[first] for row in rows] == [item[first] for item in items]


@pytest.mark.parametrize("path", sorted(FILTER))
def test_what_the_contract_does_not_name_is_refused(busy: StoreRoom, path: str) -> None:
    for query, code in (
        ({"sort": "colour"}, "bad_sort"),
        ({"limit": 0}, "bad_limit"),
        ({"limit": 201}, "bad_limit"),
        ({"cursor": "x"}, "bad_cursor"),
        ({"colour": "red"}, "validation_failed"),
    ):
        answer = busy.served.call("GET", path, **query)
        assert (answer.status_code, answer.json()["code"]) == (400, code), query


def test_filters_are_exact(busy: StoreRoom) -> None:
    requisition = busy.ok("GET", "/requisitions", site_id=busy.site_id, state="out")["items"]
    assert [len(each["lines"]) for each in requisition] == [1]
    part, order = requisition[0]["lines"][0]["part_id"], requisition[0]["work_order_id"]
    moved = busy.ok("GET", "/stock-movements", work_order_id=order)["items"]
    assert [(each["kind"], each["part_id"]) for each in moved] == [("issue", part)]
    assert len(busy.ok("GET", "/stock-movements", part_id=part, kind="receipt")["items"]) == 2
    assert len(busy.ok("GET", "/stock-receipts", part_id=part)["items"]) == 2
    assert {each["part_id"] for each in busy.ok("GET", "/stock", part_id=part)["items"]} == {part}
    assert busy.ok("GET", "/shortages", work_order_id=order)["items"] == []
    assert len(busy.ok("GET", "/warehouses", code=f"{busy.code}-G2")["items"]) == 1
