"""Receipts and the stock ledger (I-20, I-21): what comes in, what it costs, and that nobody can write balances by hand."""

from __future__ import annotations

import io
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.domain.errors import Forbidden
from chassis.domain.principal import Principal
from services.inventory.stock import InsufficientStock
from tests.integration.inventory.store_room import StoreRoom


def test_a_receipt_posts_at_once(room: StoreRoom) -> None:
    bearing, seal = room.part(), room.part()
    lines = [
        {"part_id": bearing, "quantity": 5, "unit_cost": "12.50"},
        {"part_id": seal, "quantity": 0.125, "unit_cost": "0.33"},
    ]
    receipt = room.ok("POST", "/stock-receipts", {"warehouse_id": room.good, "lines": lines})
    assert re.fullmatch(r"GR\d{8}", receipt["number"])
    assert [(line["quantity"], line["unit_cost"], line["value"]) for line in receipt["lines"]] == [
        (5, "12.50", "62.50"),
        (0.125, "0.33", "0.04"),
    ]
    assert receipt["total"] == "62.54"
    assert room.ok("GET", f"/stock-receipts/{receipt['id']}") == receipt
    assert room.ok("GET", "/stock-receipts", warehouse_id=room.good)["items"] == [receipt]
    stock = room.ok("GET", "/stock", site_id=room.site_id, sort="on_hand")["items"]
    assert [(item["part_id"], item["on_hand"], item["reserved"], item["available"]) for item in stock] == [
        (seal, 0.125, 0, 0.125),
        (bearing, 5, 0, 5),
    ]
    (movement,) = room.ok("GET", "/stock-movements", part_id=bearing)["items"]
    shown = {
        name: movement[name]
        for name in ("kind", "quantity", "unit_cost", "value", "document_type", "document_id")
    }
    assert shown == {
        "kind": "receipt", "quantity": 5, "unit_cost": "12.5000", "value": "62.50",
        "document_type": "stock_receipt", "document_id": receipt["id"],
    }  # fmt: skip
    assert room.ok("GET", f"/stock-movements/{movement['id']}") == movement
    ((kind, _, told),) = room.served.events(receipt["id"])
    assert kind == "stock_receipt.posted.v1"
    assert (told["number"], told["site_id"], told["lines"][0]["unit_cost"]) == (
        receipt["number"],
        room.site_id,
        "12.50",
    )
    room.check()


BAD = [
    ({"quantity": -1}, 400, "lines.0.quantity"),
    ({"quantity": 0}, 400, "lines.0.quantity"),
    ({"quantity": 1_000_000}, 400, "lines.0.quantity"),
    ({"quantity": 1e308}, 400, "lines.0.quantity"),
    ({"quantity": 1.0005}, 400, "lines.0.quantity"),
    ({"quantity": "5"}, 400, "lines.0.quantity"),
    ({"unit_cost": "-1.00"}, 400, "lines.0.unit_cost"),
    ({"unit_cost": "1.00001"}, 400, "lines.0.unit_cost"),
    ({"unit_cost": "１.5"}, 400, "lines.0.unit_cost"),
    ({"unit_cost": "1e3"}, 400, "lines.0.unit_cost"),
    ({"unit_cost": "99999999.9999", "quantity": 999999}, 422, "lines.0.unit_cost"),
    ({"unit_cost": "123456789.00"}, 400, "lines.0.unit_cost"),
    ({"unit_cost": 1.5}, 400, "lines.0.unit_cost"),
    ({"part_id": "no id"}, 400, "lines.0.part_id"),
    ({"bin": "A1"}, 400, "lines.0.bin"),
    ({"bin_id": "0199e3a0-5555-7c3e-9a51-2f3b8d0c4e05"}, 422, "lines.0.bin_id"),
    ({"part_id": "0199e3a0-5555-7c3e-9a51-2f3b8d0c4e05"}, 422, "lines.0.part_id"),
]


@pytest.mark.parametrize(("wrong", "status", "field"), BAD)
def test_a_bad_line_posts_nothing(room: StoreRoom, wrong: dict[str, Any], status: int, field: str) -> None:
    line = {"part_id": room.part(), "quantity": 1, "unit_cost": "1.00"}
    body = {"warehouse_id": room.good, "lines": [line | wrong, {**line, "part_id": room.part()}]}
    answer = room.served.call("POST", "/stock-receipts", body)
    problem = answer.json()
    named = problem["field"] if status == 422 else [error["field"] for error in problem["errors"]]
    code = {"lines.0.part_id": "unknown_reference", "lines.0.bin_id": "unknown_reference", "lines.0.unit_cost": "amount_too_large"}[field] if status == 422 else "validation_failed"
    assert (answer.status_code, problem["code"]) == (status, code)
    assert field in named
    assert room.ok("GET", "/stock-movements", warehouse_id=room.good)["items"] == []


def test_costs_of_movements_are_for_who_may_read_receipts(room: StoreRoom) -> None:
    part = room.part()
    room.ok("POST", "/stock-receipts", {"warehouse_id": room.good, "lines": [{"part_id": part, "quantity": 3, "unit_cost": "71.93"}]})
    technician = ("inventory.stock.read",)
    for rights in (technician, (*technician, "inventory.stock_receipt.read")):
        sees = len(rights) == 2
        (listed,) = room.ok("GET", "/stock-movements", part_id=part, permissions=rights)["items"]
        alone = room.ok("GET", f"/stock-movements/{listed['id']}", permissions=rights)
        assert {"unit_cost", "value"} & listed.keys() == ({"unit_cost", "value"} if sees else set()) and listed == alone
        for format_ in ("csv", "xlsx"):
            file = room.served.call("GET", "/stock-movements", part_id=part, format=format_, permissions=rights).content
            text = file.decode() if format_ == "csv" else "".join(
                zipfile.ZipFile(io.BytesIO(file)).read(name).decode() for name in zipfile.ZipFile(io.BytesIO(file)).namelist())
            assert ("unit_cost" in text, "71.93" in text, "215.79" in text) == (sees,) * 3, format_
        for key in ("unit_cost", "value"):
            assert room.served.call("GET", "/stock-movements", sort=key, permissions=rights).json()["code"] == "bad_sort"


def test_unit_costs_and_values_have_four_decimals_and_money_two(room: StoreRoom) -> None:
    """140 pieces for 8.99: 0.0642 each."""
    part = room.part()
    line = {"part_id": part, "quantity": 140, "unit_cost": "0.0642"}
    receipt = room.ok("POST", "/stock-receipts", {"warehouse_id": room.good, "lines": [line]})
    assert (receipt["lines"][0]["unit_cost"], receipt["lines"][0]["value"], receipt["total"]) == ("0.0642", "8.99", "8.99")
    (movement,) = room.ok("GET", "/stock-movements", part_id=part)["items"]
    assert (movement["unit_cost"], movement["value"], room.value(part)) == ("0.0642", "8.99", "8.9880")
    room.check()


def test_no_sum_of_lines_is_larger_than_a_document_may_hold(room: StoreRoom) -> None:
    lines = [{"part_id": room.part(), "quantity": 90, "unit_cost": "99999999.99"} for _ in range(2)]
    answer = room.served.call("POST", "/stock-receipts", {"warehouse_id": room.good, "lines": lines})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "amount_too_large", "lines")
    assert room.ok("GET", "/stock-movements", warehouse_id=room.good)["items"] == []
    room.ok("POST", "/stock-receipts", {"warehouse_id": room.good, "lines": lines[:1]})


def test_a_part_stands_once_in_a_receipt(room: StoreRoom) -> None:
    line = {"part_id": room.part(), "quantity": 1, "unit_cost": "1.00"}
    upper = {**line, "part_id": line["part_id"].upper()}
    for twice in (line, upper):
        answer = room.served.call(
            "POST", "/stock-receipts", {"warehouse_id": room.good, "lines": [line, twice]}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "duplicate_line")
        assert answer.json()["field"] == "lines.1.part_id"
    empty = room.served.call("POST", "/stock-receipts", {"warehouse_id": room.good, "lines": []})
    assert empty.json()["errors"] == [{"field": "lines", "code": "too_few"}]
    assert room.stock(line["part_id"]) == (0, 0)


def test_another_sites_warehouse_and_documents_do_not_exist(room: StoreRoom) -> None:
    other, part = StoreRoom(room.served), room.part()
    receipt = room.receive(part, 1)
    line = {"part_id": part, "quantity": 1, "unit_cost": "1.00"}
    foreign = room.served.call(
        "POST", "/stock-receipts", {"warehouse_id": room.good, "lines": [line]}, scope=other.path
    )
    assert (foreign.status_code, foreign.json()["code"], foreign.json()["field"]) == (
        422,
        "unknown_reference",
        "warehouse_id",
    )
    assert room.served.call("GET", f"/stock-receipts/{receipt['id']}", scope=other.path).status_code == 404
    for path in ("/stock", "/stock-movements", "/stock-receipts", "/requisitions", "/shortages"):
        found = room.ok("GET", path, scope=other.path, total="true")
        assert (found["items"], found["total"]) == ([], 0), path
    assert part not in room.served.call("GET", "/stock", scope=other.path, format="csv").text


def test_numbers_have_no_hole(room: StoreRoom) -> None:
    part = room.part()
    with ThreadPoolExecutor(4) as threads:
        receipts = list(threads.map(lambda _: room.receive(part, 1), range(8)))
    numbers = sorted(int(receipt["number"][2:]) for receipt in receipts)
    assert numbers == list(range(numbers[0], numbers[0] + 8))
    assert room.stock(part) == (8, 0)
    room.check()


def test_issues_leave_at_the_moving_average(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 1, "1.00")
    room.receive(part, 2, "2.00")  # 3 pieces worth 5.00
    room.job().repaired({part: 1})
    assert room.value(part) == "3.3333"
    room.receive(part, 1, "3.00")  # 3 pieces worth 6.3333
    room.job().repaired({part: 3})
    assert (room.stock(part), room.value(part)) == ((0, 0), "0.0000")
    values = [item["value"] for item in room.ok("GET", "/stock-movements", part_id=part, sort="at")["items"]]
    assert values == ["1.00", "4.00", "-1.67", "3.00", "-6.33"]
    room.check()


def test_the_services_own_role_cannot_write_balances(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 5)
    for statement in (
        "UPDATE stock SET on_hand = 100",
        "UPDATE stock SET reserved = 0",
        "DELETE FROM stock",
        "INSERT INTO stock (id, warehouse_id, part_id, quality, on_hand, reserved, value, org_path) SELECT gen_random_uuid(), id, "
        "(SELECT id FROM parts LIMIT 1), quality, 1, 0, 1, org_path FROM warehouses",
        "UPDATE warehouses SET quality = 'bad'",
        "UPDATE warehouses SET kind = 'transit', quality = NULL",
        "UPDATE stock_movements SET quantity = 1",
        "DELETE FROM stock_movements",
        "UPDATE stock_receipt_lines SET quantity = 1",
        "UPDATE stock_receipts SET warehouse_id = site_id",
    ):
        with pytest.raises(Forbidden), room.served.database.uow() as uow:
            uow.execute(sa.text(statement))
    assert room.stock(part) == (5, 0)


MOVE = """INSERT INTO stock_movements (id, at, kind, warehouse_id, part_id, quality, quantity, unit_cost, value, document_type,
    document_id, actor, org_path) SELECT gen_random_uuid(), now(), 'issue', warehouse_id, part_id, quality, :quantity, 0, :value,
    'test', gen_random_uuid(), 'test', org_path FROM stock WHERE part_id = :part"""
HOLD = "UPDATE allocations SET reserved = :reserved WHERE part_id = :part"


def test_direct_sql_cannot_overdraw(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 5)
    room.job().approve({part: 3})
    for statement, values in (
        (MOVE, {"quantity": -6, "value": -1}),  # more than there is
        (MOVE, {"quantity": -3, "value": -1}),  # more than is free
        (HOLD, {"reserved": 6}),
        (HOLD, {"reserved": -1}),
    ):
        with pytest.raises((InsufficientStock, sa.exc.IntegrityError)), room.served.database.uow() as uow:
            uow.execute(sa.text(statement), {**values, "part": part})
    assert room.stock(part) == (5, 3)
    with room.served.database.uow() as uow:
        uow.execute(sa.text(MOVE), {"quantity": -2, "value": -1, "part": part})
    assert room.stock(part) == (3, 3)


FOREIGN = """INSERT INTO stock_movements (id, at, kind, warehouse_id, part_id, quality, quantity, unit_cost, value, document_type,
    document_id, actor, org_path) VALUES (gen_random_uuid(), now(), 'receipt', :warehouse, :part, 'good', 1, 1, 1,
    'test', gen_random_uuid(), 'test', :path)"""


def test_a_movement_stays_within_its_site(room: StoreRoom) -> None:
    """Neither under another site's scope nor under another site's path does a warehouse take anything."""
    part, other = room.part(), StoreRoom(room.served)
    room.receive(part, 5)
    for scope, path in (
        ("/", other.path),
        (other.path, other.path),
        (other.path, room.path),
        ("", room.path),
    ):
        with pytest.raises(Forbidden), room.served.database.uow(Principal.of("x", scope, [])) as uow:
            uow.execute(sa.text(FOREIGN), {"warehouse": room.good, "part": part, "path": path})
    assert room.stock(part) == (5, 0)
    room.check()
