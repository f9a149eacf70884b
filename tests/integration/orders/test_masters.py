"""Products, sites, technicians and devices: created, read, changed, listed, refused (O-01, O-15)."""

from __future__ import annotations

import csv
import io
import time
from datetime import date, timedelta

from chassis.http import runtime
from tests.integration.orders.conftest import UNKNOWN, Shop


def test_products(shop: Shop):
    product = shop.make_product(category=f"C {shop.code}")
    assert shop.ok("GET", f"/products/{product['id']}") == product
    assert shop.ok("GET", "/products", category=f"C {shop.code}", total="true") == {
        "items": [product], "next_cursor": None, "total": 1,
    }  # fmt: skip
    changed = shop.ok("PATCH", f"/products/{product['id']}", {"name": "新名"}, headers={"If-Match": "1"})
    assert (changed["name"], changed["version"], changed["code"]) == ("新名", 2, product["code"])
    assert shop.ok("PATCH", f"/products/{product['id']}", {"name": "新名"})["version"] == 2, "nothing changed"
    shop.refused(
        shop.served.call("PATCH", f"/products/{product['id']}", {"name": "z"}, headers={"If-Match": "1"}),
        409,
        "stale_version",
    )
    same = {name: product[name] for name in ("code", "name", "brand", "category", "warranty_months")}
    shop.refused(shop.served.call("POST", "/products", same), 409, "duplicate", field="code")
    bad = {"code": "a/b", "name": " ", "brand": 7, "category": "x", "warranty_months": -1}
    document = shop.refused(shop.served.call("POST", "/products", bad), 400, "validation_failed")
    assert {error["field"] for error in document["errors"]} == {"code", "name", "brand", "warranty_months"}
    assert [type_ for type_, _, _ in shop.served.events(product["id"])] == [
        "product.created.v1",
        "product.changed.v1",
    ]
    shop.refused(shop.served.call("GET", "/products", sort="colour"), 400, "bad_sort")
    shop.refused(shop.served.call("GET", "/products", limit=201), 400, "bad_limit")
    assert [item["code"] for item in shop.ok("GET", "/products", q=product["code"][2:].lower())["items"]] == [
        product["code"]
    ]


def test_sites_belong_to_a_unit_of_kind_site(shop: Shop):
    assert (shop.site["org_path"], shop.site["time_zone"]) == (shop.path, "Asia/Shanghai")
    branch = f"B{shop.code}"
    shop.tell(
        "gateway.org_unit.created",
        {"code": branch, "name": "x", "kind": "branch", "path": f"/HQ/{branch}/", "parent_path": "/HQ/"},
    )
    for unit, scope in ((branch, "/HQ/"), (shop.code, "/HQ/OTHER/"), (f"none-{shop.code}", "/HQ/")):
        body = {"code": f"Z{unit}", "name": "x", "org_unit_code": unit}
        answer = shop.served.call("POST", "/sites", body, scope=scope)
        shop.refused(answer, 422, "unknown_reference", field="org_unit_code")
    zone = {"code": f"Y{shop.code}", "name": "x", "org_unit_code": shop.code, "time_zone": "Mars/Olympus"}
    shop.refused(shop.served.call("POST", "/sites", zone), 400, "validation_failed")
    shop.refused(
        shop.served.call("POST", "/sites", {**zone, "code": shop.code, "time_zone": "Europe/London"}),
        409,
        "duplicate",
        field="code",
    )
    renamed = shop.ok("PATCH", f"/sites/{shop.site['id']}", {"name": "改名"})
    assert (renamed["name"], renamed["org_path"]) == ("改名", shop.path)
    assert [type_ for type_, _, _ in shop.served.events(shop.site["id"])] == [
        "site.created.v1",
        "site.changed.v1",
    ]


def test_technicians_and_their_users(shop: Shop):
    username = f"li.{shop.code.lower()}"
    body = {"name": "李", "site_id": shop.site["id"], "username": username}
    shop.refused(shop.served.call("POST", "/technicians", body), 422, "unknown_reference", field="username")
    user = {"username": username, "name": "李", "org_path": shop.path, "roles": [], "active": True}
    shop.tell("gateway.user.created", user)
    technician = shop.ok("POST", "/technicians", body)
    assert shop.ok("GET", "/technicians", username=username)["items"] == [technician]
    changed = shop.ok("PATCH", f"/technicians/{technician['id']}", {"username": None, "active": False})
    assert (changed["username"], changed["active"]) == (None, False)
    shop.refused(
        shop.served.call("POST", "/technicians", {"name": "x", "site_id": UNKNOWN}),
        422,
        "unknown_reference",
        field="site_id",
    )


def test_a_name_of_another_unit_is_like_nobodys(shop: Shop):
    """Linking a technician must not tell which users there are elsewhere, by its answer or by the time it takes."""
    elsewhere = f"there.{shop.code.lower()}"
    user = {"username": elsewhere, "name": "x", "org_path": "/HQ/ELSEWHERE/", "roles": [], "active": True}
    subject = shop.tell("gateway.user.created", user)
    answers = []
    for username in (elsewhere, f"nobody.{shop.code.lower()}"):
        body = {"name": "x", "site_id": shop.site["id"], "username": username}
        began = time.monotonic()
        refused = shop.served.call("POST", "/technicians", body, scope=shop.path)
        document = shop.refused(refused, 422, "unknown_reference", field="username")
        answers.append(({**document, "trace_id": ""}, time.monotonic() - began >= runtime.WAIT_SECONDS))
    assert answers[0] == answers[1] and answers[0][1], "both wait for a copy that could still arrive"
    body = {"name": "x", "site_id": shop.site["id"], "username": elsewhere}
    shop.ok("POST", "/technicians", body, scope="/HQ/")
    shop.tell("gateway.user.changed", {**user, "org_path": shop.path}, subject=subject, sequence=2)
    shop.ok("POST", "/technicians", body, scope=shop.path)


def test_no_site_in_a_deleted_unit(shop: Shop):
    code = f"{shop.code}X"
    unit = {"code": code, "name": code, "kind": "site", "path": f"/HQ/{shop.branch}/{code}/", "parent_path": f"/HQ/{shop.branch}/"}
    subject = shop.tell("gateway.org_unit.created", unit)
    shop.tell("gateway.org_unit.deleted", unit, subject=subject, sequence=2)
    body = {"code": code, "name": code, "org_unit_code": code}
    shop.refused(shop.served.call("POST", "/sites", body), 422, "unknown_reference", field="org_unit_code")
    shop.tell("gateway.org_unit.restored", unit, subject=subject, sequence=3)
    shop.ok("POST", "/sites", body)
    shop.ok("POST", "/sites", {**body, "code": f"{code}2"})  # a unit may hold several sites


def test_devices(shop: Shop):
    customer = shop.customer("+8613800138000")
    device = shop.device("2025-03-01", customer_id=customer, serial_number=f"SN-{shop.code}/01")
    assert (device["warranty_ends_on"], device["warranty_months"], device["repair_days"]) == (
        "2026-02-28",
        12,
        0,
    )
    assert shop.ok("GET", f"/devices/{device['id']}") == device
    for typed in (f"SN-{shop.code}", f"sn{shop.code.lower()}", f"sn {shop.code}/01"):
        assert shop.ok("GET", "/devices", serial_number=typed)["items"] == [device]
    assert shop.ok("GET", "/devices", customer_id=customer)["items"] == [device]
    body = {"product_id": shop.product["id"], "serial_number": f"SN-{shop.code}/01"}
    shop.refused(shop.served.call("POST", "/devices", body), 409, "duplicate", field="serial_number")
    shop.ok("POST", "/devices", {**body, "product_id": shop.make_product()["id"]})
    shop.ok("PATCH", f"/products/{shop.product['id']}", {"warranty_months": 24})
    moved = shop.ok("PATCH", f"/devices/{device['id']}", {"purchased_on": "2025-09-01", "customer_id": None})
    assert (moved["warranty_ends_on"], moved["customer_id"]) == ("2026-08-31", None), (
        "the term is that of the sale"
    )
    shop.ok("PATCH", f"/products/{shop.product['id']}", {"warranty_months": 12})
    assert shop.device()["warranty_ends_on"] is None
    for field in ("product_id", "customer_id"):
        answer = shop.served.call("POST", "/devices", {"product_id": shop.product["id"], field: UNKNOWN})
        shop.refused(answer, 422, "unknown_reference", field=field)
    soon = date.today() + timedelta(days=2)
    for day in ("2025-02-30", "0000-01-01", "0001-01-01", "1799-12-31", "9999-12-31", "20250301", "2025-W01-1", str(soon)):
        body = {"product_id": shop.product["id"], "purchased_on": day}
        shop.refused(shop.served.call("POST", "/devices", body), 400, "validation_failed")
        change = {"purchased_on": day}
        shop.refused(shop.served.call("PATCH", f"/devices/{device['id']}", change), 400, "validation_failed")
    assert shop.device("1869-01-01")["warranty_ends_on"] == "1869-12-31"


def test_lists_page_both_ways_and_leave_as_files(shop: Shop):
    category = f"=Paged {shop.code}"
    made = [shop.make_product(category=category)["code"] for _ in range(5)]
    for sort, expected in (
        ("code", sorted(made)),
        ("-code", sorted(made, reverse=True)),
        ("created_at", made),
        ("-created_at", made[::-1]),
    ):
        found, cursor = [], None
        while True:
            page = shop.ok(
                "GET",
                "/products",
                category=category,
                sort=sort,
                limit=2,
                **({"cursor": cursor} if cursor else {}),
            )
            found += [item["code"] for item in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert found == expected
    answer = shop.served.call("GET", "/products", category=category, format="csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["code"] for row in rows} == set(made)
    assert {row["category"] for row in rows} == {f"'{category}"}, "safe against formulas"
