"""Taking over orders of another system, row by row (interfaces section 6)."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.integration.orders.conftest import UNKNOWN, Shop
from tests.support.serving import Served


def row(shop: Shop, external_id: str, **changed: Any) -> dict[str, Any]:
    base = {"source": shop.code, "external_id": external_id, "site_id": shop.site["id"], "product_id": shop.product["id"],
            "event_date": "2017-04-01", "problem": "Iron Broken", "state": "audited", "device": {}}  # fmt: skip
    return {name: value for name, value in {**base, **changed}.items() if value is not None}


def take(shop: Shop, rows: list[Any]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = shop.ok("POST", "/work-orders/history", {"rows": rows})["results"]
    return results


def test_good_rows_are_written_with_their_own_dates(api: Served):
    shop = Shop(api, time_zone="Europe/London")
    rows = [
        row(shop, "1"),
        row(shop, "2", state="cancelled", reason="repairable elsewhere", problem=""),
        row(shop, "3", state="registered", device={"purchased_on": "2016-05-01", "serial_number": "A-1"}),
        row(
            shop,
            "4",
            state="registered",
            device={"serial_number": "A-1"},
            event_date=None,
            registered_at="2017-07-01T23:30:00Z",
        ),
        row(shop, "5", product_id=None, device=None, channel="phone"),
    ]
    results = take(shop, rows)
    assert [(result["external_id"], result["status"]) for result in results] == [
        (str(i), "created") for i in range(1, 6)
    ]
    orders = [shop.ok("GET", f"/work-orders/{result['id']}") for result in results]
    assert [order["state"] for order in orders] == [
        "audited",
        "cancelled",
        "registered",
        "registered",
        "audited",
    ]
    assert {order["origin"] for order in orders} == {"history"} and {order["source"] for order in orders} == {
        shop.code
    }
    assert orders[0]["registered_at"] == "2017-03-31T23:00:00Z", "the day begins where the site is"
    assert [order["coverage"] for order in orders] == [
        "to_check",
        "to_check",
        "in_warranty",
        "out_of_warranty",
        "to_check",
    ]
    assert (orders[0]["channel"], orders[4]["channel"], orders[1]["cancel_reason"]) == (
        "counter",
        "phone",
        "repairable elsewhere",
    )
    assert orders[2]["device_id"] == orders[3]["device_id"] != orders[0]["device_id"]
    assert (orders[3]["number"][:6], orders[0]["number"][:6]) == ("RE1707", "RE1704"), (
        "July 2nd 00:30 in London"
    )
    assert orders[0]["category"] == "Purifier" and orders[4]["device_id"] is None
    assert [
        item["id"]
        for item in shop.ok("GET", "/work-orders", q="iron broken", external_id="1", source=shop.code)[
            "items"
        ]
    ] == [results[0]["id"]]
    items = shop.ok("GET", f"/work-orders/{results[1]['id']}/timeline", headers={"Accept-Language": "en"})[
        "items"
    ]
    assert [(item["type"], item["summary"], item["data"]["reason"]) for item in items] == [
        ("work_order.import", "Taken over from history", "repairable elsewhere")
    ]
    assert all(shop.served.events(result["id"]) == [] for result in results), "nothing is announced"


def test_again_adds_nothing(api: Served):
    shop = Shop(api)
    first = take(shop, [row(shop, str(i)) for i in range(4)])
    count = shop.ok("GET", "/work-orders", site_id=shop.site["id"], total="true")["total"]
    again = take(shop, [row(shop, str(i)) for i in range(6)])
    assert [result["status"] for result in again] == ["exists"] * 4 + ["created"] * 2
    assert [result["id"] for result in again[:4]] == [result["id"] for result in first]
    assert shop.ok("GET", "/work-orders", site_id=shop.site["id"], total="true")["total"] == count + 2
    devices = shop.ok("GET", "/devices", product_id=shop.product["id"], total="true")["total"]
    assert devices == 6, "no device for a row that is there"
    twice = take(shop, [row(shop, "x"), row(shop, "x", problem="other")])
    assert [result["status"] for result in twice] == ["created", "differs"] and twice[0]["id"] == twice[1]["id"]
    other = take(shop, [row(shop, "x", source=f"other {shop.code}")])
    assert other[0]["status"] == "created", "unique per source"


OTHER = {
    "product_id": None, "channel": "phone", "problem": "Iron broken", "state": "registered", "event_date": "2017-04-02",
    "completed_at": "2017-04-03T00:00:00Z", "device": {"serial_number": "B"},
}  # fmt: skip


@pytest.mark.parametrize("member", OTHER)
def test_a_known_id_with_other_content_is_told_and_changes_nothing(api: Served, member: str):
    shop = Shop(api)
    [first] = take(shop, [row(shop, "1")])
    before = shop.ok("GET", f"/work-orders/{first['id']}")
    changed = {member: OTHER[member]} | ({"device": None} if member == "product_id" else {})
    [again] = take(shop, [row(shop, "1", **changed)])
    assert (again["status"], again["id"]) == ("differs", first["id"])
    named = {"event_date": {"registered_at"}, "device": {"device.serial_number"}, "product_id": {"product_id", "device"}}
    assert set(again["differs"]) == named.get(member, {member})
    assert shop.ok("GET", f"/work-orders/{first['id']}") == before
    [same] = take(shop, [row(shop, "1")])
    assert same["status"] == "exists", "what was taken over first is what counts"


def test_one_moment_written_otherwise_is_the_same_content(api: Served):
    shop = Shop(api, time_zone="Asia/Shanghai")
    take(shop, [row(shop, "1")])
    for moment in ("2017-04-01T00:00:00+08:00", "2017-03-31T16:00:00Z", "2017-03-31t16:00:00.000z"):
        [again] = take(shop, [row(shop, "1", event_date=None, registered_at=moment)])
        assert again["status"] == "exists", (moment, again)


def test_a_row_of_the_version_before_is_held_against_its_order(api: Served):
    shop = Shop(api)
    take(shop, [row(shop, "1")])
    with api.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE history_keys SET content = NULL WHERE source = %s", (shop.code,))
    assert [result["status"] for result in take(shop, [row(shop, "1")])] == ["exists"]
    [again] = take(shop, [row(shop, "1", problem="something else", state="registered")])
    assert (again["status"], again["differs"]) == ("differs", ["problem"])


def test_bad_rows_are_refused_one_by_one(api: Served):
    shop = Shop(api)
    in_an_hour = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    rows: list[tuple[Any, dict[str, str]]] = [
        (row(shop, "1", site_id=UNKNOWN), {"site_id": "unknown_reference"}),
        (row(shop, "2", product_id=UNKNOWN), {"product_id": "unknown_reference"}),
        (row(shop, "3", state="cancelled"), {"reason": "missing"}),
        (row(shop, "4", event_date=None), {"registered_at": "missing"}),
        (row(shop, "5", event_date="2017-02-30"), {"event_date": "bad_format"}),
        (row(shop, "6", state="ready", colour="red"), {"state": "not_allowed", "colour": "unknown"}),
        (row(shop, "7", event_date="2999-01-01"), {"event_date": "out_of_range"}),
        (row(shop, "8", problem="a\u0007b"), {"problem": "control_characters"}),
        (row(shop, "9", product_id=None), {"product_id": "missing"}),
        ({}, {"source": "missing", "external_id": "missing", "site_id": "missing", "state": "missing"}),
        (row(shop, "11", event_date="0001-01-01"), {"event_date": "out_of_range"}),
        (row(shop, "12", device={"purchased_on": "9999-12-31"}), {"device.purchased_on": "out_of_range"}),
        (row(shop, "13", event_date="0000-01-01"), {"event_date": "bad_format"}),
        (row(shop, "14", event_date=None, registered_at=in_an_hour), {"registered_at": "out_of_range"}),
        (row(shop, "15", completed_at="2017-03-31T15:59:59Z"), {"completed_at": "out_of_range"}),
        (row(shop, "16", completed_at=in_an_hour), {"completed_at": "out_of_range"}),
        (row(shop, "17", device={"purchased_on": str(date.today() + timedelta(days=2))}), {"device.purchased_on": "out_of_range"}),
        (row(shop, "18", event_date="1799-12-31"), {"event_date": "out_of_range"}),
        (row(shop, "10"), {}),
    ]
    results = take(shop, [given for given, _ in rows])
    for result, (given, errors) in zip(results, rows, strict=True):
        assert result["status"] == ("refused" if errors else "created"), (given, result)
        assert {error["field"]: error["code"] for error in result.get("errors", [])} == errors
    assert shop.ok("GET", "/work-orders", source=shop.code, total="true")["total"] == 1
    fixed = take(shop, [row(shop, "3", state="cancelled", reason="x")])
    assert fixed[0]["status"] == "created", "a refused row claims nothing"


def test_what_is_rare_is_taken(api: Served):
    """A machine of 1869, a repair that ended the moment it began, one bought after it was repaired: that one is never in."""
    shop = Shop(api)
    results = take(shop, [
        row(shop, "1", device={"purchased_on": "1869-01-01"}), row(shop, "2", completed_at="2017-03-31T16:00:00Z"),
        row(shop, "3", device={"purchased_on": "2017-04-02"}), row(shop, "4", device={"purchased_on": "2017-04-01"}),
    ])  # fmt: skip
    assert [result["status"] for result in results] == ["created"] * 4, results
    orders = [shop.ok("GET", f"/work-orders/{result['id']}", headers={"Accept-Language": "en"}) for result in results]
    assert [order["coverage"] for order in orders] == ["out_of_warranty", "to_check", "out_of_warranty", "in_warranty"]
    assert orders[2]["coverage_reason"][-1]["text"] == "Reported on 2017-04-01, before the term began on 2017-04-02"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_day_that_has_not_begun_at_the_site_is_no_history(api: Served, zone: str):
    shop = Shop(api, time_zone=zone)
    today = datetime.now(UTC).astimezone(ZoneInfo(zone)).date()
    results = take(shop, [row(shop, str(n), event_date=str(today + timedelta(days=n))) for n in range(2)])
    assert [result["status"] for result in results] == ["created", "refused"]


def test_the_call_itself(api: Served):
    shop = Shop(api)
    for body in ({}, {"rows": []}, {"rows": [1]}, {"rows": [row(shop, str(i)) for i in range(501)]}):
        shop.refused(api.call("POST", "/work-orders/history", body), 400, "validation_failed")


def test_two_imports_at_once_write_each_row_once_and_waste_no_number(api: Served):
    shop = Shop(api)
    rows = [row(shop, str(i), event_date="2011-01-05") for i in range(40)]
    answers = api.together(
        [
            ("POST", "/work-orders/history", {"rows": part})
            for part in (rows, rows[::-1], rows[20:] + rows[:20])
        ]
    )
    statuses = [result["status"] for answer in answers for result in answer.json()["results"]]
    assert (statuses.count("created"), statuses.count("exists")) == (40, 80)
    items = shop.ok("GET", "/work-orders", source=shop.code, sort="number", limit=200)["items"]
    assert [item["number"] for item in items] == [f"RE1101{n:04d}" for n in range(1, 41)]


def test_a_key_taken_out_of_scope_is_refused(api: Served):
    near, far = Shop(api), Shop(api, branch="FAR")
    take(far, [row(far, "1")])
    body = {"rows": [row(near, "1", source=far.code)]}
    [result] = api.call("POST", "/work-orders/history", body, scope=near.path).json()["results"]
    assert (result["status"], result["errors"]) == (
        "refused",
        [{"field": "external_id", "code": "duplicate"}],
    )


def test_an_open_order_that_is_worked_on_becomes_ours(api: Served):
    shop = Shop(api)
    [result] = take(shop, [row(shop, "1", state="registered")])
    order = shop.ok("POST", f"/work-orders/{result['id']}/start", {})
    assert (order["state"], order["origin"], order["version"]) == ("in_repair", "live", 2)
    assert [type_ for type_, _, _ in shop.served.events(result["id"])] == ["work_order.started.v1"]


def test_500_rows_take_a_moment(api: Served):
    shop = Shop(api)
    problem = "Kettle leaks from the base when it is filled above the mark, switch sticks, owner says it began last week"
    rows = [
        row(shop, str(i), problem=f"{problem} {i}", event_date=f"20{i % 20:02d}-0{i % 9 + 1}-11")
        for i in range(500)
    ]
    began = time.monotonic()
    assert {result["status"] for result in take(shop, rows)} == {"created"}
    took = time.monotonic() - began
    print("500 rows:", took)
    assert took < 6, "20,190 rows must take less than 4 minutes"
