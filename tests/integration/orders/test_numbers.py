"""Worked example 'Number': per month of the site, unique and without a hole, however many ask at once (R-01)."""

from __future__ import annotations

import re
from datetime import date

from chassis.domain.numbers import format_number, series
from tests.integration.orders.conftest import Shop
from tests.support.serving import Served


def test_the_format_of_the_worked_example():
    days = [date(2026, 11, 5), date(2026, 11, 30), date(2026, 12, 1)]
    counters: dict[str, int] = {}
    made = []
    for day in days:
        key = series("RE", day)
        counters[key] = counters.get(key, 0) + 1
        made.append(format_number(key, counters[key]))
    assert made == ["RE26110001", "RE26110002", "RE26120001"]


def test_the_month_is_that_of_the_document(api: Served):
    shop = Shop(api)
    rows = [{"source": shop.code, "external_id": day, "site_id": shop.site["id"], "event_date": day, "state": "audited"}
            for day in ("2016-11-05", "2016-11-30", "2016-12-01")]  # fmt: skip
    shop.ok("POST", "/work-orders/history", {"rows": rows})
    items = shop.ok("GET", "/work-orders", site_id=shop.site["id"], sort="registered_at")["items"]
    assert [item["number"] for item in items] == ["RE16110001", "RE16110002", "RE16120001"]


def test_parallel_creates_leave_no_hole_also_when_some_fail(api: Served):
    shop = Shop(api)
    good = {"kind": "repair", "channel": "web", "site_id": shop.site["id"], "problem": "x"}
    before = int(shop.order().document["number"][6:])
    bad = {**good, "device_id": "0199e3a0-0000-7000-8000-000000000000"}
    answers = api.together([("POST", "/work-orders", body) for body in [good, bad] * 10])
    numbers = sorted(answer.json()["number"] for answer in answers if answer.status_code == 201)
    assert len(numbers) == 10 and all(re.fullmatch(r"RE\d{8}", number) for number in numbers)
    assert [int(number[6:]) for number in numbers] == list(range(before + 1, before + 11))
