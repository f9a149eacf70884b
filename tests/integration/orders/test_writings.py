"""Codes, serial numbers, phones and words are found however they are written; two writings of one are one."""

from __future__ import annotations

import uuid

import pytest

from tests.integration.orders.conftest import Shop
from tests.support import writings


@pytest.fixture(scope="module")
def shop(api) -> Shop:
    return Shop(api)


def mark() -> str:
    return uuid.uuid4().hex[:8]


def test_codes_of_products_and_sites(shop: Shop):
    product = {"name": "Kühl-Schrank", "brand": "Clear", "category": "x", "warranty_months": 12}
    made = writings.one_code(shop.served.call, "/products", "code", product, mark())
    unit, others = writings.of_code(mark())
    shop.tell("gateway.org_unit.created", {"code": unit, "name": "x", "kind": "site", "path": f"/HQ/{unit}/", "parent_path": "/HQ/"})
    site = writings.one_code(shop.served.call, "/sites", "code", {"name": "Zü-rich", "org_unit_code": others[3]}, mark())
    assert site["org_unit_code"] == unit
    for typed in (unit, *others):
        assert [one["id"] for one in shop.ok("GET", "/sites", org_unit_code=typed)["items"]] == [site["id"]], typed
    for path, document, typed in (("/products", made, "kuhlschrank"), ("/products", made, "hl SCHR"), ("/sites", site, "Zurich")):
        assert document["id"] in [one["id"] for one in shop.ok("GET", path, q=typed, limit=200)["items"]], typed
    shop.ok("POST", "/technicians", {"name": f"José {shop.code}", "site_id": shop.site["id"]})
    assert len(shop.ok("GET", "/technicians", q=f"jose{shop.code.lower()}")["items"]) == 1


def test_a_rate_is_quoted_by_any_writing(shop: Shop):
    job = shop.order().start()
    for typed in (shop.rate.lower(), f" {shop.rate.translate(writings.FULL_WIDTH)}"):
        quoted = job.do("quote", {"labour": [{"rate_code": typed, "hours": 1}], "parts": []}).document["quote"]
        assert quoted["lines"][0]["ref"] == shop.rate


def test_a_serial_is_one_however_it_is_written(shop: Shop):
    serial = f"SN{mark().upper()}A7"
    device = shop.device(serial_number=f" {serial[:4]}-{serial[4:]} ")
    assert device["serial_number"] == f"{serial[:4]}-{serial[4:]}"
    order = shop.order(device_id=device["id"]).id
    for typed in (serial, *writings.of_serial(serial)):
        again = shop.served.call("POST", "/devices", {"product_id": shop.product["id"], "serial_number": typed})
        shop.refused(again, 409, "duplicate", field="serial_number")
        for part in (typed, typed[-6:], typed[:-2]):
            assert [one["id"] for one in shop.ok("GET", "/devices", serial_number=part)["items"]] == [device["id"]], part
            assert [one["id"] for one in shop.ok("GET", "/work-orders", q=part)["items"]] == [order], part
    assert shop.ok("GET", "/devices", serial_number=serial[-3:])["items"] == [], "too short an end"
    assert shop.ok("GET", "/devices", serial_number=serial[3:-2])["items"] == [], "neither beginning nor end"
    other = shop.make_product()
    assert shop.ok("POST", "/devices", {"product_id": other["id"], "serial_number": serial})["serial_number"] == serial


def test_another_writing_is_no_other_serial(shop: Shop):
    """The same device may be written another way; it cannot become another one's."""
    first, second = (shop.device(serial_number=f"{mark()}B{n}") for n in range(2))
    written = first["serial_number"].upper()
    assert shop.ok("PATCH", f"/devices/{first['id']}", {"serial_number": written})["serial_number"] == written
    taken = shop.served.call("PATCH", f"/devices/{second['id']}", {"serial_number": f"{written[:3]} {written[3:]}"})
    shop.refused(taken, 409, "duplicate", field="serial_number")
    assert shop.ok("PATCH", f"/devices/{first['id']}", {"serial_number": None})["serial_number"] is None
    assert shop.ok("PATCH", f"/devices/{second['id']}", {"serial_number": written})["serial_number"] == written


def test_two_writings_at_once_make_one_device(shop: Shop):
    typed = writings.of_serial(f"SN{mark()}")
    calls = [("POST", "/devices", {"product_id": shop.product["id"], "serial_number": one}) for one in typed]
    assert sorted(answer.status_code for answer in shop.served.together(calls)) == [201] + [409] * (len(typed) - 1)


def test_history_knows_a_device_by_any_writing(shop: Shop):
    serial = f"SN{mark()}"
    known = shop.device(serial_number=serial.upper())
    rows = [
        {"source": "old", "external_id": f"{serial}-{n}", "site_id": shop.site["id"], "product_id": shop.product["id"],
         "registered_at": "2025-01-02T03:04:05Z", "state": "audited", "problem": "x", "device": {"serial_number": typed}}
        for n, typed in enumerate(writings.of_serial(serial))
    ]  # fmt: skip
    results = shop.ok("POST", "/work-orders/history", {"rows": rows})["results"]
    assert {one["status"] for one in results} == {"created"}, results
    assert {shop.ok("GET", f"/work-orders/{one['id']}")["device_id"] for one in results} == {known["id"]}


@pytest.mark.parametrize("typed", ["１３９−", "139\u2010", "+86\u00a0139\u200b", "139–"])
def test_phones_are_found_in_any_writing(shop: Shop, typed: str):
    end = f"{uuid.uuid4().int % 10**8:08}"
    order = shop.order(customer_id=shop.customer(f"+86139{end} ext. 12")).id
    for part in (typed + end, f"{typed}{end[:4]}\u2013{end[4:]}", f"{typed}{end} 转12", f"{typed}{end} x12", f"{typed}{end[:6]}"):
        assert order in [one["id"] for one in shop.ok("GET", "/work-orders", q=part)["items"]], part
