"""Days and moments as callers send them: refused with a code where no calendar has them, and an accepted one stays accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.db import cursors
from chassis.domain.moments import When
from tests.integration.orders.conftest import UNKNOWN, Shop


@pytest.mark.parametrize(
    "value", ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-01-01T00:00:00", "2026-01-01", "", 0, {}]
)  # fmt: skip
@pytest.mark.parametrize("path", ["/work-orders", "/devices", "/products", "/sites"])
def test_cursors_of_no_calendar(shop: Shop, path: str, value: Any):
    cursor = cursors.encode(cursors.mark_of(f"/api/v1{path}", {}), "-created_at", value, UNKNOWN)
    answer = shop.served.call("GET", path, sort="-created_at", cursor=cursor)
    shop.refused(answer, 400, "bad_cursor")


def test_a_cursor_of_another_zone_than_ours_is_none(shop: Shop):
    list_ = cursors.mark_of("/api/v1/work-orders", {})
    for offset in ("Z", "+23:59", "-23:59", "+08:00"):
        cursor = cursors.encode(list_, "-created_at", f"2026-01-01T00:00:00{offset}", UNKNOWN)
        shop.refused(shop.served.call("GET", "/work-orders", sort="-created_at", cursor=cursor), 400, "bad_cursor")
    shop.ok("GET", "/work-orders", sort="-created_at", cursor=cursors.encode(list_, "-created_at", "2026-01-01T00:00:00+00:00", UNKNOWN))


def test_what_was_answered_is_answered_again_when_its_time_has_passed(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    job = shop.order()
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    asked = ("POST", f"/work-orders/{job.id}/assign", {"technician_id": shop.make_technician(), "appointment_start": at})
    key = {"Idempotency-Key": f"dates-{shop.code}"}
    first = shop.served.call(*asked, headers=key)
    monkeypatch.setattr(When, "allows", lambda *_: False)
    again = shop.served.call(*asked, headers=key)
    assert (again.status_code, again.headers["idempotency-replayed"], again.content) == (200, "true", first.content)
    answer = shop.served.call(*asked, headers={"Idempotency-Key": f"new-{shop.code}"})
    refused = shop.refused(answer, 400, "validation_failed")
    assert refused["errors"] == [{"field": "appointment_start", "code": "out_of_range"}]
