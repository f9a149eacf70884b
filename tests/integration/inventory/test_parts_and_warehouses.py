"""Part master and warehouses (I-01, I-08): unique keys, prices, scope."""

from __future__ import annotations

import uuid

from tests.integration.inventory.store_room import StoreRoom
from tests.support import writings


def test_a_part_keeps_its_number_and_tells_its_price(room: StoreRoom) -> None:
    number = f"BRG-{uuid.uuid4().hex[:8]}"
    part = room.ok("POST", "/parts", {"number": number, "name": "轴承", "unit": "个", "price": "25"})
    assert (part["price"], part["currency"], part["version"]) == ("25.00", "CNY", 1)
    again = room.served.call("POST", "/parts", {"number": number, "name": "x", "unit": "个", "price": "1.00"})
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (409, "duplicate", "number")

    changed = room.ok("PATCH", f"/parts/{part['id']}", {"price": "26.50"}, headers={"If-Match": '"1"'})
    assert (changed["price"], changed["name"], changed["version"]) == ("26.50", "轴承", 2)
    stale = room.served.call("PATCH", f"/parts/{part['id']}", {"price": "1"}, headers={"If-Match": "1"})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
    assert room.served.events(part["id"]) == [
        ("part.created.v1", 1, {"number": number, "name": "轴承", "unit": "个", "price": "25.00", "tax_rate": None}),
        ("part.changed.v1", 2, {"number": number, "name": "轴承", "unit": "个", "price": "26.50", "tax_rate": None}),
    ]
    assert room.ok("GET", "/parts", number=number)["items"] == [changed]
    for rate in (0.09, 0, None):
        assert room.ok("PATCH", f"/parts/{part['id']}", {"tax_rate": rate})["tax_rate"] == rate
    for wrong in (1.01, -0.1, 0.12345, "0.13"):
        refused = room.served.call("PATCH", f"/parts/{part['id']}", {"tax_rate": wrong}).json()
        assert (refused["code"], refused["errors"][0]["field"]) == ("validation_failed", "tax_rate"), wrong
    changed = room.ok("GET", f"/parts/{part['id']}")
    assert [item["id"] for item in room.ok("GET", "/parts", q=number[:9])["items"]] == [part["id"]]


def test_a_part_is_refused_with_every_field_named(room: StoreRoom) -> None:
    answer = room.served.call("POST", "/parts", {"name": " ", "unit": "", "price": "1.005", "colour": "red"})
    found = {(error["field"], error["code"]) for error in answer.json()["errors"]}
    assert answer.status_code == 400
    assert found == {
        ("number", "missing"), ("name", "bad_format"), ("unit", "too_short"), ("unit", "bad_format"),
        ("price", "bad_format"), ("colour", "unknown"),
    }  # fmt: skip
    for price in ("-1.00", "1e3", 5, "12345678901.00", None):
        body = {"number": f"N{uuid.uuid4().hex}", "name": "x", "unit": "个", "price": price}
        assert room.served.call("POST", "/parts", body).json()["code"] == "validation_failed", price


def test_warehouses_belong_to_a_site_in_scope(room: StoreRoom) -> None:
    other = StoreRoom(room.served)
    taken = room.served.call(
        "POST", "/warehouses", {"code": f"{room.code}-G1", "name": "x", "site_id": room.site_id}
    )
    assert (taken.status_code, taken.json()["field"]) == (409, "code")
    mine = room.ok("GET", "/warehouses", scope=room.path)["items"]
    assert [item["id"] for item in mine] == [room.good]
    assert mine[0]["quality"] == "good"
    assert room.served.call("GET", f"/warehouses/{other.good}", scope=room.path).status_code == 404
    body = {"code": f"{room.code}-X", "name": "x", "site_id": other.site_id}
    foreign = room.served.call("POST", "/warehouses", body, scope=room.path, headers={"Prefer": "wait=0"})
    assert (foreign.status_code, foreign.json()["code"], foreign.json()["field"]) == (
        422,
        "unknown_reference",
        "site_id",
    )
    renamed = room.ok("PATCH", f"/warehouses/{room.good}", {"name": "主仓"}, scope=room.path)
    assert (renamed["name"], renamed["version"]) == ("主仓", 2)


def test_a_code_is_one_however_it_is_written(room: StoreRoom) -> None:
    call, mark = room.served.call, uuid.uuid4().hex[:8]
    part = writings.one_code(call, "/parts", "number", {"name": "Schräg-Kugellager", "unit": "个", "price": "25"}, mark)
    writings.one_code(call, "/warehouses", "code", {"name": "x", "site_id": room.site_id}, mark)
    room.ok("POST", "/stock-receipts", {"warehouse_id": room.good, "lines": [{"part_id": part["id"], "quantity": 1, "unit_cost": "1"}]})
    number, others = writings.of_code(mark)
    for typed in (number, *others):
        assert [row["part_id"] for row in room.ok("GET", "/stock", part_number=typed)["items"]] == [part["id"]], typed
        assert [row["id"] for row in room.ok("GET", "/parts", q=typed)["items"]] == [part["id"]], typed
    for q in (f"ab{mark[:6]}", f"AB–{mark} 1", "schrag kugel", "SCHRÄGKUGELLAGER"):
        assert part["id"] in [row["id"] for row in room.ok("GET", "/parts", q=q)["items"]], q


def test_two_writings_at_once_make_one_part(room: StoreRoom) -> None:
    _, others = writings.of_code(uuid.uuid4().hex[:8])
    calls = [("POST", "/parts", {"number": typed, "name": "x", "unit": "个", "price": "1"}) for typed in others]
    assert sorted(answer.status_code for answer in room.served.together(calls)) == [201] + [409] * (len(others) - 1)
