"""Bins of a warehouse (货位, I-08): what lies where in it, by movements only; cost stays with the warehouse."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from chassis.domain.errors import Forbidden
from chassis.messaging.inbox import Outcome
from services.inventory.stock import InsufficientStock, SerialConflict
from tests.integration.inventory.store_room import StoreRoom
from tests.integration.inventory.test_places import sent


@pytest.fixture
def bins(room: StoreRoom) -> dict[str, str]:
    """Ids by code; B1 is made first."""
    made = {code: room.ok("POST", "/bins", {"warehouse_id": room.good, "code": code, "name": f"架 {code}"})["id"] for code in ("B1", "A1")}
    return {code: str(id) for code, id in made.items()}


def stock(room: StoreRoom, by: str, **asked: Any) -> dict[str, Any]:
    """A list of stock by something."""
    return room.ok("GET", f"/stock?{urlencode({'by': by, **asked})}")


def lies(room: StoreRoom, part: str) -> dict[str | None, float]:
    """How much lies in each bin, under None what lies in no bin."""
    return {item["bin_code"]: item["on_hand"] for item in stock(room, "bin", part_id=part, warehouse_id=room.good)["items"]}


def test_a_bins_code_is_unique_in_its_warehouse(room: StoreRoom, bins: dict[str, str]) -> None:
    second = room.warehouse("G2")
    body = {"warehouse_id": room.good, "code": "ａ1", "name": "x"}
    taken = room.served.call("POST", "/bins", body)
    assert (taken.status_code, taken.json()["code"], taken.json()["field"]) == (409, "duplicate", "code")
    other = room.ok("POST", "/bins", {**body, "warehouse_id": second})
    assert (other["code"], other["warehouse_code"], other["on_hand"]) == ("ａ1", f"{room.code}-G2", None)
    changed = room.ok("PATCH", f"/bins/{bins['B1']}", {"code": "C1", "name": "new"}, headers={"If-Match": "1"})
    assert (changed["code"], changed["name"], changed["version"]) == ("C1", "new", 2)
    assert room.ok("GET", f"/bins/{bins['B1']}") == changed
    again = room.served.call("PATCH", f"/bins/{bins['B1']}", {"code": "A–1".replace("–", "")})
    assert (again.status_code, again.json()["field"]) == (409, "code")
    assert [item["code"] for item in room.ok("GET", "/bins", warehouse_id=room.good)["items"]] == ["A1", "C1"]
    part = room.part()
    room.receive(part, 1)
    transit, stranger = sent(room, part, good=1), StoreRoom(room.served)
    for scope, where in ("/HQ/", transit["id"]), (stranger.path, room.good):
        refused = room.served.call("POST", "/bins", {**body, "warehouse_id": where, "code": "Z"}, scope=scope, headers={"Prefer": "wait=0"})
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "unknown_reference", "warehouse_id")


def test_parts_are_taken_from_no_bin_first_and_then_by_code(room: StoreRoom, bins: dict[str, str]) -> None:
    part = room.part()
    receipt = room.receive(part, 3, "1.0000", bin_id=bins["B1"])
    assert receipt["lines"][0]["bin_id"] == bins["B1"]
    room.receive(part, 2, "2.0000", bin_id=bins["A1"])
    room.receive(part, 1, "3.3333")
    assert lies(room, part) == {"A1": 2, "B1": 3, None: 1}
    found = room.ok("GET", "/bins", part_id=part)["items"]
    assert [(item["code"], item["on_hand"]) for item in found] == [("A1", 2), ("B1", 3)], "the last one is proposed"
    job = room.job().repaired({part: 4})
    assert lies(room, part) == {"B1": 2}
    moved = room.ok("GET", "/stock-movements", work_order_id=job.id, sort="id")["items"]
    assert [(each["bin_id"], each["quantity"]) for each in moved] == [(None, -1), (bins["A1"], -2), (bins["B1"], -1)]
    job.give_back(part, 1, "bad", {part: 3}, repaired=True)
    job.cancel()
    assert lies(room, part) == {"A1": 2, "B1": 3}, "one of those taken first was bad, and the last ones go back first"
    (row,) = room.ok("GET", "/stock", part_id=part, warehouse_id=room.good)["items"]
    assert (row["on_hand"], row["available"], row["bin_id"], row["in_transit"]) == (5, 5, None, None)
    room.check()


def test_a_cancel_puts_all_back_where_it_lay(room: StoreRoom, bins: dict[str, str]) -> None:
    part, engine = room.part(), room.part(serial_tracked=True)
    room.receive(part, 2, bin_id=bins["B1"])
    room.receive(part, 1)
    room.receive(engine, 1, bin_id=bins["A1"], serial_numbers=["E1"])
    room.receive(engine, 1, serial_numbers=["E2"])
    before = room.served.rows("SELECT bin_id, part_id, on_hand FROM bin_stock WHERE org_path = :path ORDER BY 1, 2", path=room.path)
    job = room.job().approve({part: 3, engine: 2})
    assert job.issue({engine: ["E1", "E2"]}).status_code == 200 and (lies(room, part), lies(room, engine)) == ({}, {})
    job.cancel()
    assert room.served.rows("SELECT bin_id, part_id, on_hand FROM bin_stock WHERE org_path = :path ORDER BY 1, 2", path=room.path) == before
    found = {item["number"]: item["bin_id"] for item in room.ok("GET", "/serials", part_id=engine)["items"]}
    assert (found, lies(room, part)) == ({"E1": bins["A1"], "E2": None}, {"B1": 2, None: 1})
    room.check()


def test_rows_by_what_is_asked(room: StoreRoom, bins: dict[str, str]) -> None:
    part, engine, bad = room.part(), room.part(serial_tracked=True), room.warehouse("B1", "bad")
    room.receive(part, 3, bin_id=bins["A1"])
    room.receive(part, 2, warehouse=bad)
    transit = sent(room, part, good=1, bad=1)
    room.job().approve({part: 1})
    room.receive(engine, 2, bin_id=bins["B1"], serial_numbers=["E1", "E2"])

    def rows(by: str, *names: str, **more: Any) -> list[tuple[Any, ...]]:
        items = stock(room, by, site_id=room.site_id, total="true", **{"part_id": part, **more})
        assert items["total"] == len(items["items"])
        return sorted((tuple(item[name] for name in names) for item in items["items"]), key=str)

    assert rows("site", "on_hand", "reserved", "available", "in_transit", "warehouse_id") == [(3, 1, 1, 2, None)]
    assert rows("site", "on_hand", quality="bad") == [(1,)] and rows("site", "on_hand", warehouse_id=bad) == [(1,)]
    assert rows("quality", "quality", "on_hand", warehouse_id=transit["id"]) == [("bad", 1), ("good", 1)]
    assert rows("bin", "bin_code", "quality", "on_hand", "reserved") == sorted(
        [("A1", "good", 2, None), (None, "bad", 1, None), (None, "bad", 1, None), (None, "good", 1, None)], key=str
    )
    assert rows("serial", "serial_number", "bin_code", "on_hand", part_id=engine) == [("E1", "B1", 1), ("E2", "B1", 1)]
    assert rows("serial", "serial_number") == []
    for by in ("bin", "quality", "serial", "site"):
        pages, cursor = [], None
        while True:
            page = stock(room, by, site_id=room.site_id, limit=1, sort="-on_hand", **({"cursor": cursor} if cursor else {}))
            pages += page["items"]
            if (cursor := page["next_cursor"]) is None:
                break
        assert pages == stock(room, by, site_id=room.site_id, sort="-on_hand")["items"], by
    wrong = room.served.call("GET", "/stock?by=colour").json()
    assert (wrong["code"], wrong["errors"][0]["field"]) == ("validation_failed", "by")


def test_pieces_and_bins_follow_their_unit(room: StoreRoom, bins: dict[str, str]) -> None:
    """A site that moves in the organisation takes along what lies there, where it lies, and what is out."""
    part, loose, new = room.part(serial_tracked=True), room.part(), f"/HQ/MOVED/{room.code}/"
    room.receive(part, 2, bin_id=bins["A1"], serial_numbers=["E1", "E2"])
    room.receive(loose, 2, bin_id=bins["B1"])
    transit = sent(room, loose, good=1)
    job = room.job().approve({part: 1})
    assert job.issue({part: ["E1"]}).status_code == 200
    told = {"code": room.code, "name": "x", "kind": "site", "path": new, "parent_path": "/HQ/MOVED/", "former_path": room.path}
    assert room.served.tell("aftersales.gateway.org_unit.moved.v1", told, sequence=7) is Outcome.DONE
    for table in ("warehouses", "bins", "bin_stock", "serials", "stock", "stock_movements"):
        left = room.served.rows(f"SELECT count(*) FROM {table} WHERE org_path = :path", path=room.path)
        moved = room.served.rows(f"SELECT count(*) FROM {table} WHERE org_path = :path", path=new)
        assert left[0][0] == 0 < moved[0][0], table
    job.cancel()
    assert (lies(room, part), room.stock(loose, transit["id"])) == ({"A1": 2}, (1, 0))
    assert {item["number"] for item in room.ok("GET", "/serials", part_id=part, scope=new)["items"]} == {"E1", "E2"}
    room.check()


MOVE = """INSERT INTO stock_movements (id, at, kind, warehouse_id, part_id, quality, quantity, unit_cost, value, document_type,
    document_id, actor, org_path, bin_id) SELECT gen_random_uuid(), now(), 'issue', w.id, :part, w.quality, :quantity, 1, :quantity, 'test',
    gen_random_uuid(), 'test', w.org_path, :bin FROM warehouses w WHERE w.id = :warehouse"""


def test_direct_sql_keeps_bins(room: StoreRoom, bins: dict[str, str]) -> None:
    part, second = room.part(), room.warehouse("G2")
    room.receive(part, 2, bin_id=bins["A1"])
    room.receive(part, 1, warehouse=second)
    for statement, more in (
        (MOVE, {"quantity": -3, "bin": bins["A1"], "warehouse": room.good}),
        (MOVE, {"quantity": -1, "bin": bins["B1"], "warehouse": room.good}),  # nothing lies there
        (MOVE, {"quantity": -1, "bin": None, "warehouse": room.good}),  # all of it lies in the bin
        (MOVE, {"quantity": 1, "bin": bins["A1"], "warehouse": second}),  # another warehouse's bin
        ("UPDATE bin_stock SET on_hand = 1 WHERE part_id = :part", {}),
        ("DELETE FROM bin_stock WHERE part_id = :part", {}),
        ("UPDATE stock SET binned = 0 WHERE part_id = :part", {}),
        ("UPDATE bins SET warehouse_id = :warehouse", {"warehouse": second}),
        ("DELETE FROM bins", {}),
    ):
        refused = (Forbidden, InsufficientStock, SerialConflict, sa.exc.IntegrityError)
        with pytest.raises(refused), room.served.database.uow() as uow:
            uow.execute(sa.text(statement), {"part": part, **more})
    assert (lies(room, part), room.stock(part, second)) == ({"A1": 2}, (1, 0))
    room.check()
