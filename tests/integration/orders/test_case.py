"""The main case from the counter to the audit, as far as orders owns it (interfaces section 3)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.integration.orders.conftest import Shop


def test_the_whole_case(shop: Shop):
    customer = shop.customer("+8613800138000")
    device = shop.device("2020-01-01", customer_id=customer, serial_number=f"SN-{shop.code}")
    job = shop.order(device_id=device["id"], external_id="X-1")
    order = job.document
    assert (order["state"], order["waiting_for"], order["coverage"]) == (
        "registered",
        None,
        "out_of_warranty",
    )
    assert [line["code"] for line in order["coverage_reason"]] == ["term", "fault_after_term"]
    assert all(line["text"] for line in order["coverage_reason"])
    assert (order["customer_id"], order["customer_name"], order["origin"]) == (customer, "王芳", "live")
    assert order["number"].startswith("RE") and len(order["number"]) == 10
    assert order["allowed_actions"] == ["assign", "start", "cancel"]
    assert {name: value for name, value in job.reload().items() if name not in ("gates", "at_hand")} == order

    job.start().diagnose().quote()
    assert (job.document["waiting_for"], job.document["quote"]["customer_total"]) == ("approval", "214.81")
    job.do("approve", {"approved_by": "王芳"})
    assert (job.document["waiting_for"], job.document["approved_version"]) == ("parts", 1)
    job.reserved()
    assert job.where == ("in_repair", None)
    job.do("complete", {"work_done": "replaced"}).issued().do("check", {"passed": True})
    assert (job.document["state"], job.document["billing"]["customer_total"]) == ("ready", "214.81")
    job.billed("214.81").billed("0.00").do("hand-over", {"received_by": "王芳"}).revisited()
    assert job.where == ("revisited", None)
    job.do("audit", {})
    assert (job.document["state"], job.document["allowed_actions"]) == ("audited", ["unaudit"])

    told = shop.served.events(job.id)
    assert [type_.split(".")[1] for type_, _, _ in told] == [
        "registered", "assigned", "started", "diagnosed", "quoted", "quote_approved", "parts_reserved", "repaired", "ready",
        "completed", "revisited", "audited",
    ]  # fmt: skip
    assert [sequence for _, sequence, _ in told] == list(range(1, 13)), "one event per version"
    assert told[8][2]["billing"]["lines"][0]["ref"] == shop.rate


def test_the_timeline_tells_it_from_all_services(shop: Shop):
    job = shop.order(customer_id=shop.customer()).to_ready()
    job.billed().billed("0.00")
    job.tell("finance.payment.received", {"bill_id": job.subjects["finance.bill"], "number": "PY1", "amount": "214.81",
                                          "method": "cash", "open_amount": "0.00"})  # fmt: skip
    job.do("hand-over", {"received_by": "王芳"}).revisited().do("audit", {})
    items = shop.ok("GET", f"/work-orders/{job.id}/timeline", limit=200, headers={"Accept-Language": "en"})[
        "items"
    ]
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    assert {item["source"] for item in items} == {"orders", "inventory", "finance", "callcenter"}
    assert (
        items[0]["type"] == "work_order.register"
        and items[0]["actor"] == "ann"
        and items[0]["summary"] == "Registered"
    )
    by_type = {item["type"]: item["summary"] for item in items}
    assert by_type["requisition.changed"] == "Parts: all issued"
    assert by_type["work_order.quote"] == "Quote version 1: customer 214.81, maker 0.00 CNY"
    assert by_type["payment.received"] == "Payment PY1: 214.81"
    assert "{" not in "".join(by_type.values())
    chinese = shop.ok("GET", f"/work-orders/{job.id}/timeline")["items"]
    assert chinese[0]["summary"] == "登记维修单"

    paged, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = shop.ok(
            "GET", f"/work-orders/{job.id}/timeline", limit=3, headers={"Accept-Language": "en"}, **more
        )
        paged += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert paged == items


def test_in_warranty_nobody_is_asked_and_the_stay_lengthens_the_term(shop: Shop):
    device = shop.device(str(date.today() - timedelta(days=30)))
    job = shop.order(device_id=device["id"]).start().diagnose().quote()
    assert (job.document["coverage"], job.document["waiting_for"]) == ("in_warranty", "parts")
    assert (job.document["quote"]["customer_total"], job.document["quote"]["maker_total"]) == (
        "0.00",
        "214.81",
    )
    shop.served.rows(
        "UPDATE work_orders SET registered_at = registered_at - interval '10 days' WHERE id = :id RETURNING 1",
        id=job.id,
    )
    job.reserved().do("complete", {"work_done": "x"}).issued().do("check", {"passed": True})
    ends = date.fromisoformat(device["warranty_ends_on"])
    after = shop.ok("GET", f"/devices/{device['id']}")
    assert (after["warranty_ends_on"], after["repair_days"]) == (str(ends + timedelta(days=10)), 10)
    again = shop.order(device_id=device["id"]).document
    assert [line["code"] for line in again["coverage_reason"]] == ["term", "repair_days", "fault_in_term"]
    assert [type_ for type_, _, _ in shop.served.events(device["id"])] == [
        "device.created.v1",
        "device.changed.v1",
    ]


def test_two_repairs_over_the_same_days_lengthen_the_term_once(shop: Shop):
    device = shop.device(str(date.today() - timedelta(days=30)))
    jobs = [shop.order(device_id=device["id"]).to_approved() for _ in range(2)]
    for job in jobs:
        shop.served.rows(
            "UPDATE work_orders SET registered_at = registered_at - interval '10 days' WHERE id = :id RETURNING 1",
            id=job.id,
        )
        job.do("complete", {"work_done": "x"}).issued().do("check", {"passed": True})
    after = shop.ok("GET", f"/devices/{device['id']}")
    ends = date.fromisoformat(device["warranty_ends_on"])
    assert (after["warranty_ends_on"], after["repair_days"]) == (str(ends + timedelta(days=10)), 10)
    again = shop.order(device_id=device["id"]).document
    assert [line["code"] for line in again["coverage_reason"]] == ["term", "repair_days", "fault_in_term"]


def test_the_day_of_the_fault_is_the_sites(api):
    """The same instant is another day at a site ahead of UTC: the last covered day is decided there (R-09)."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    zones = ("Pacific/Kiritimati", "Pacific/Pago_Pago")  # 25 hours apart: never the same day
    decided = []
    for zone in zones:
        shop = Shop(api, time_zone=zone)
        today = datetime.now(UTC).astimezone(ZoneInfo(zones[1])).date()
        # covered until today in the later zone, so out of warranty in the earlier one
        tomorrow = today + timedelta(days=1)
        bought = shop.ok("POST", "/devices", {"product_id": shop.make_product(warranty_months=48)["id"],
                                              "purchased_on": str(tomorrow.replace(year=tomorrow.year - 4))})  # fmt: skip
        assert bought["warranty_ends_on"] == str(today)
        decided.append(shop.order(device_id=bought["id"]).document["coverage"])
    assert decided == ["out_of_warranty", "in_warranty"]


def test_diagnosis_decides_again(shop: Shop):
    device = shop.device(str(date.today()))
    job = shop.order(device_id=device["id"]).start().diagnose(quality_defect=False)
    assert job.document["coverage"] == "out_of_warranty"
    assert job.diagnose().document["coverage"] == "in_warranty"
    job.quote().diagnose(exclusion="misuse")
    assert (job.document["coverage"], job.document["quote"]["state"], job.document["waiting_for"]) == (
        "out_of_warranty",
        "void",
        None,
    )
    assert job.document["coverage_reason"][-1]["code"] == "exclusion_misuse"
    job.quote()
    assert job.document["waiting_for"] == "approval"
    versions = shop.ok("GET", f"/work-orders/{job.id}/quotes")["items"]
    assert [(quote["version"], quote["state"], quote["maker_total"]) for quote in versions] == [
        (2, "waiting", "0.00"), (1, "void", "214.81"),
    ]  # fmt: skip


def test_a_quote_keeps_its_prices(shop: Shop):
    part = shop.part("10.00")
    job = shop.order().start().do("quote", {"labour": [], "parts": [{"part_id": part, "quantity": 2}]})
    shop.tell(
        "inventory.part.changed",
        {"number": "x", "name": "x", "unit": "个", "price": "99.00"},
        subject=part,
        sequence=2,
    )
    assert job.reload()["quote"]["customer_total"] == "22.60"
    job.do("quote", {"labour": [], "parts": [{"part_id": part, "quantity": 2}]})
    assert job.document["quote"]["customer_total"] == "223.74"


def test_tax_is_a_parameter(api):
    shop = Shop(api)
    known = api.rows("SELECT id, sequence FROM parameter_copies WHERE key = 'tax.rate'")
    subject, sequence = (str(known[0][0]), known[0][1] + 1) if known else (None, 1)
    named = {"subject": subject} if subject else {}
    subject = shop.tell(
        "gateway.parameter.changed", {"key": "tax.rate", "value": 0.06}, sequence=sequence, **named
    )
    job = shop.order().start().quote(hours=1, quantities=())
    assert job.document["quote"]["customer_total"] == "106.00"
    shop.tell(
        "gateway.parameter.changed",
        {"key": "tax.rate", "value": 0.13},
        sequence=sequence + 1,
        subject=subject,
    )
    assert job.quote(hours=1, quantities=()).document["quote"]["customer_total"] == "113.00"


def linked(shop: Shop, name: str) -> dict[str, Any]:
    """A technician of the site who signs in under this name."""
    username = f"{name}.{shop.code.lower()}"
    shop.tell("gateway.user.created", {"username": username, "name": name, "org_path": shop.path, "roles": [], "active": True})
    return shop.ok("POST", "/technicians", {"name": name, "site_id": shop.site["id"], "username": username})


def test_a_technician_who_starts_becomes_the_orders(shop: Shop):
    tom, eve = linked(shop, "tom"), linked(shop, "eve")
    job = shop.order()
    started = job.do("start", by=tom["username"]).document
    assert (started["technician_id"], started["state"]) == (tom["id"], "in_repair")
    assert shop.served.events(job.id)[-1][2]["technician_id"] == tom["id"]

    job = shop.order()
    slot = {"appointment_start": "2999-01-01T08:00:00Z", "appointment_end": "2999-01-01T09:00:00Z"}
    job.do("assign", {"technician_id": tom["id"], **slot})
    started = job.do("start", by=eve["username"]).document
    assert (started["technician_id"], started["appointment_start"], started["appointment_end"]) == (eve["id"], None, None)
    again = shop.order().do("assign", {"technician_id": tom["id"], **slot}).document
    assert again["technician_id"] == tom["id"], "the appointment is free again"


def test_who_is_assigned_and_starts_keeps_his_appointment(shop: Shop):
    tom = linked(shop, "tim")
    slot = {"appointment_start": "2999-01-01T08:00:00Z", "appointment_end": "2999-01-01T09:00:00Z"}
    job = shop.order().do("assign", {"technician_id": tom["id"], **slot})
    started = job.do("start", by=tom["username"]).document
    assert (started["technician_id"], started["appointment_start"]) == (tom["id"], slot["appointment_start"])


def test_anybody_else_starts_without_becoming_one(shop: Shop):
    elsewhere = Shop(shop.served)
    for by in ("manager", linked(elsewhere, "far")["username"]):
        assert shop.order().do("start", by=by).document["technician_id"] is None
    off = linked(shop, "off")
    shop.ok("PATCH", f"/technicians/{off['id']}", {"active": False})
    assert shop.order().do("start", by=off["username"]).document["technician_id"] is None
    assigned = shop.order().do("assign", {"technician_id": shop.technician["id"]}).do("start", by="manager").document
    assert assigned["technician_id"] == shop.technician["id"]
