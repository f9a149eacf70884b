"""Where parts may lie (I-08, I-20): stores of a quality, and the transit place of what is on the road."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis.domain.aggregate import new_id
from chassis.domain.errors import Duplicate, Forbidden
from services.inventory.stock import Document, InsufficientStock, Quality
from tests.integration.inventory.store_room import StoreRoom


def sent(room: StoreRoom, part: str, *, good: int = 0, bad: int = 0) -> dict[str, Any]:
    """The site's transit place after so many pieces were sent."""
    document = Document("transfer", new_id())
    with room.opened(part) as (store,):
        for quality, amount in ((Quality.GOOD, good), (Quality.BAD, bad)):
            if amount:
                where = next(place.id for place in store.places if place.quality is quality)
                store.ship(store.shelf(where, UUID(part)), Decimal(amount), document)
    (transit,) = room.ok("GET", "/warehouses", site_id=room.site_id, kind="transit")["items"]
    return dict(transit)


def test_what_is_to_check_serves_nobody(room: StoreRoom) -> None:
    part, checking = room.part(), room.warehouse("C1", "to_check")
    room.receive(part, 5, warehouse=checking)
    job = room.job().approve({part: 2})
    assert (job.line(part), room.stock(part, checking)) == ((2, 0, 0, 0, 2), (5, 0))
    (item,) = room.ok("GET", "/stock", part_id=part, quality="to_check")["items"]
    assert (item["quality"], item["warehouse_kind"], item["available"]) == ("to_check", "store", 5)
    room.check()


def test_what_is_on_the_road_is_shown_and_serves_nobody(room: StoreRoom) -> None:
    part, bad = room.part(), room.warehouse("B1", "bad")
    room.receive(part, 5, "3.3333")
    room.receive(part, 2, "1.00", warehouse=bad)
    transit = sent(room, part, good=3, bad=1)
    assert (transit["code"], transit["kind"], transit["quality"]) == (f"{room.code}-TRANSIT", "transit", None)
    assert room.job().approve({part: 3}).line(part) == (3, 2, 0, 0, 1)
    (row,) = room.ok("GET", "/stock", part_id=part, warehouse_id=transit["id"], total="true", sort="-available")["items"]
    shown = tuple(row[name] for name in ("on_hand", "reserved", "available", "quality", "warehouse_kind"))
    assert shown == (4, 0, 4, None, "transit"), "one row per part and warehouse"
    values = room.served.rows("SELECT quality, on_hand, value FROM stock WHERE warehouse_id = :id ORDER BY quality", id=transit["id"])
    assert [tuple(value) for value in values] == [("bad", 1, Decimal("1.0000")), ("good", 3, Decimal("9.9999"))]
    room.check()


def test_nothing_vanishes_between_two_sites(room: StoreRoom) -> None:
    part, other = room.part(), StoreRoom(room.served)
    to_check = other.warehouse("C1", "to_check")
    room.receive(part, 3, "3.3333")
    transit = UUID(sent(room, part, good=2)["id"])
    before = room.served.rows("SELECT sum(on_hand), sum(value) FROM stock WHERE part_id = :part", part=part)
    document = Document("transfer", new_id())
    with room.opened(part, other) as (here, there):
        here.arrive(here.shelf(transit, UUID(part), Quality.GOOD), there, UUID(to_check), Decimal(2), document)
    assert (other.stock(part, to_check), room.stock(part), room.stock(part, str(transit))) == ((2, 0), (1, 0), (0, 0))
    assert room.served.rows("SELECT sum(on_hand), sum(value) FROM stock WHERE part_id = :part", part=part) == before
    kinds = [(item["kind"], item["quantity"]) for item in room.ok("GET", "/stock-movements", document_id=str(document.id))["items"]]
    assert sorted(kinds) == [("arrive", -2), ("arrive", 2)]
    assert room.ok("GET", "/stock-movements", document_id=str(document.id), kind="arrive")["items"]
    assert other.job().approve({part: 1}).line(part) == (1, 0, 0, 0, 1), "nobody has checked it"
    room.check()


def test_nobody_touches_a_transit_place_by_hand(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 1)
    transit = sent(room, part, good=1)
    line = {"part_id": part, "quantity": 1, "unit_cost": "1.00"}
    received = room.served.call("POST", "/stock-receipts", {"warehouse_id": transit["id"], "lines": [line]})
    assert (received.status_code, received.json()["code"], received.json()["field"]) == (422, "unknown_reference", "warehouse_id")
    renamed = room.served.call("PATCH", f"/warehouses/{transit['id']}", {"name": "x"})
    assert (renamed.status_code, renamed.json()["code"], renamed.json()["state"]) == (409, "bad_transition", "transit")
    made = {"code": f"{room.code}-T2", "name": "x", "site_id": room.site_id}
    for member, code in ({"kind": "transit"}, "unknown"), ({"quality": None}, "wrong_type"), ({"quality": "fair"}, "not_allowed"):
        refused = room.served.call("POST", "/warehouses", made | member).json()
        assert code in [error["code"] for error in refused["errors"]], refused


MOVE = """INSERT INTO stock_movements (id, at, kind, warehouse_id, part_id, quality, quantity, unit_cost, value, document_type,
    document_id, actor, org_path) SELECT gen_random_uuid(), now(), 'receipt', id, :part, :quality, 1, 1, 1, 'test', gen_random_uuid(), 'test',
    org_path FROM warehouses WHERE id = :warehouse"""
KEEP = """INSERT INTO allocations (requisition_id, part_id, warehouse_id, reserved, out, out_value, org_path)
    SELECT r.id, :part, :warehouse, 1, 0, 0, r.org_path FROM requisitions r WHERE r.work_order_id = :order"""
SECOND = """INSERT INTO warehouses (id, code, code_key, name, site_id, kind, quality, org_path, version, created_at, created_by, updated_at, updated_by)
    SELECT gen_random_uuid(), :part, :part, name, site_id, kind, quality, org_path, version, created_at, created_by, updated_at, updated_by
    FROM warehouses WHERE id = :warehouse"""


def test_direct_sql_keeps_quality_and_transit(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2)
    transit, job = sent(room, part, good=1), room.job().approve({part: 5})
    for statement, more in (
        (MOVE, {"warehouse": room.good, "quality": "bad"}),  # a good store holds nothing bad
        (KEEP, {"warehouse": transit["id"], "order": job.id}),  # what is on the road is reserved for nobody
        (SECOND, {"warehouse": transit["id"]}),
    ):
        with pytest.raises((Duplicate, Forbidden, InsufficientStock, sa.exc.IntegrityError)), room.served.database.uow() as uow:
            uow.execute(sa.text(statement), {"part": part, **more})
    with room.served.database.uow() as uow:
        uow.execute(sa.text(MOVE), {"part": part, "warehouse": transit["id"], "quality": "bad"})
    assert room.stock(part, transit["id"]) == (2, 0)
    room.check()
