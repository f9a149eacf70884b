"""Revision 0012: stays become periods, terms are counted anew, open orders that rest on them are decided again, all of it listed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.db.changes import changes
from chassis.db.migrate import upgrade
from services.orders.app import SERVICE
from services.orders.devices import Stay, Term, decide
from tests.support.database import database_at

BEFORE, MENDED = "0011", "0012"
ZONE = "Asia/Shanghai"
STAMPS = {"version": 1, "created_at": "2026-01-01T00:00:00Z", "created_by": "a", "updated_at": "2026-01-01T00:00:00Z", "updated_by": "a"}


@pytest.fixture
def old(database_server: str) -> Iterator[sa.Engine]:
    """A database as the release before left it."""
    with database_at(database_server, SERVICE, BEFORE) as engine:
        yield engine


class Before:
    """Rows of the release before."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection, self.count = connection, 0
        connection.execute(sa.text("SELECT set_config('app.scope', '/', false)"))

    def put(self, table: str, **values: Any) -> uuid.UUID:
        row = {"id": uuid.uuid4(), **STAMPS, **values}
        row = {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in row.items()}
        names = ", ".join(row)
        self.connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in row)})"), row)
        return row["id"]

    def device(self, bought: str | None, months: int, ends: str | None, *stays: dict[str, Any]) -> uuid.UUID:
        return self.put("devices", product_id=uuid.uuid4(), purchased_on=bought, warranty_months=months, warranty_ends_on=ends,
                        stays=list(stays))  # fmt: skip

    def order(self, device: uuid.UUID, at: str, coverage: str = "in_warranty", reason: Any = (), **more: Any) -> uuid.UUID:
        self.count += 1
        values = {"number": f"RE2601{self.count:04d}", "kind": "repair", "channel": "counter", "origin": "live", "state": "registered",
                  "site_id": uuid.uuid4(), "time_zone": ZONE, "problem": "hums", "quote_version": 0, "returns": [], "repaired": False,
                  "org_path": "/HQ/N/S/"}  # fmt: skip
        return self.put("work_orders", **{**values, "device_id": device, "registered_at": at, "coverage": coverage,
                                          "coverage_reason": list(reason), **more})  # fmt: skip

    @staticmethod
    def reason(start: str, months: int, ends: str, fault: str, code: str, *more: str) -> list[dict[str, Any]]:
        return [{"code": "term", "start": start, "months": months, "ends_on": ends},
                {"code": code, "fault_on": fault, "ends_on": ends}, *({"code": line} for line in more)]  # fmt: skip


def test_terms_and_what_rests_on_them(old: sa.Engine) -> None:
    with old.begin() as connection:
        rows = Before(connection)
        starts = [date(2023, 12, 1) + timedelta(days=n) for n in range(366)]
        ends_of_months = [start for start in starts if start.day > 27 or start.day == 1]
        many = {rows.device(str(start), months, "2000-01-01") for start in ends_of_months for months in (0, 1, 6, 12, 48)}
        longer = rows.device("2026-03-01", 6, "2026-08-28")
        same = rows.device("2026-01-15", 12, "2027-01-14")
        unknown = rows.device(None, 12, None)
        leap = rows.device("2023-03-01", 12, "2024-02-28")
        twice = rows.device("2025-01-01", 12, "2026-01-20", {"number": "RE26010001", "days": 10}, {"number": "RE26010002", "days": 10})
        lost = rows.device("2025-01-01", 12, "2026-01-03", {"number": "XX1", "days": 3})
        # 23:30 UTC is the next day at the site: away from 2 June to 12 June, twice
        ended = [rows.order(twice, f"2025-06-01T{hour}:30:00Z", state="audited") for hour in (22, 23)]
        told = rows.reason("2026-03-01", 6, "2026-08-28", "2026-08-30", "fault_after_term")
        at = "2026-08-30T01:00:00Z"
        covered_now = rows.order(longer, at, "out_of_warranty", told)
        excluded = rows.order(longer, at, "out_of_warranty", [*told, {"code": "exclusion_misuse"}], state="in_repair")
        quoted = rows.order(longer, at, "out_of_warranty", told, state="in_repair", quote={"state": "waiting"})
        closed = rows.order(longer, at, "out_of_warranty", told, state="audited")
        other_date = rows.order(longer, at, "out_of_warranty", rows.reason("2026-02-01", 6, "2026-07-31", "2026-08-30", "fault_after_term"))
        within = rows.reason("2026-01-15", 12, "2027-01-14", "2026-02-01", "fault_in_term")
        kept = rows.order(same, "2026-02-01T01:00:00Z", "in_warranty", within)
        early = rows.order(same, "2026-01-14T01:00:00Z", "in_warranty", rows.reason("2026-01-15", 12, "2027-01-14", "2026-01-14", "fault_in_term"))
        fewer = rows.order(twice, "2026-01-15T01:00:00Z", "in_warranty", [
            {"code": "term", "start": "2025-01-01", "months": 12, "ends_on": "2025-12-31"},
            {"code": "repair_days", "days": 20, "repairs": [], "ends_on": "2026-01-20"},
            {"code": "fault_in_term", "fault_on": "2026-01-15", "ends_on": "2026-01-20"},
        ])  # fmt: skip
    assert upgrade(SERVICE, old.url.render_as_string(hide_password=False), MENDED) == [MENDED]

    with old.begin() as connection:
        connection.execute(sa.text("SELECT set_config('app.scope', '/', true)"))
        devices = {row.id: row for row in connection.execute(sa.text("SELECT * FROM devices"))}
        orders = {row.id: row for row in connection.execute(sa.text("SELECT * FROM work_orders"))}
        listed = {change.id: change.fields for change in changes(connection, [MENDED])}
    away = {"from": "2025-06-02", "to": "2025-06-12"}
    assert devices[twice].stays == [{"number": "RE26010001", **away}, {"number": "RE26010002", **away}]
    assert [stay["number"] for stay in devices[lost].stays] == ["XX1"] and str(devices[lost].warranty_ends_on) == "2026-01-03"
    for row in devices.values():
        term = Term(row.purchased_on, row.warranty_months, tuple(Stay.read(stay) for stay in row.stays))
        assert row.warranty_ends_on == term.ends_on, "as the rule itself says it"
    assert devices.keys() == many | {longer, same, unknown, leap, twice, lost} and listed.keys() >= many
    assert {id: fields for id, fields in listed.items() if id not in many} == {
        longer: {"warranty_ends_on": ("2026-08-28", "2026-08-31")}, leap: {"warranty_ends_on": ("2024-02-28", "2024-02-29")},
        twice: {"warranty_ends_on": ("2026-01-20", "2026-01-10")},
        covered_now: {"coverage": ("out_of_warranty", "in_warranty"), "ends_on": ("2026-08-28", "2026-08-31")},
        excluded: {"ends_on": ("2026-08-28", "2026-08-31")},
        early: {"coverage": ("in_warranty", "out_of_warranty")},
        fewer: {"coverage": ("in_warranty", "out_of_warranty"), "ends_on": ("2026-01-20", "2026-01-10")},
    }  # fmt: skip
    for id, device, fault in ((covered_now, longer, "2026-08-30"), (early, same, "2026-01-14"), (fewer, twice, "2026-01-15")):
        row = devices[device]
        term = Term(row.purchased_on, row.warranty_months, tuple(Stay.read(stay) for stay in row.stays))
        decision = decide(term, date.fromisoformat(fault))
        assert (orders[id].coverage, orders[id].coverage_reason) == (decision.coverage, decision.lines)
    assert [line["code"] for line in orders[excluded].coverage_reason] == ["term", "fault_in_term", "exclusion_misuse"]
    assert (orders[quoted].coverage_reason, orders[closed].coverage_reason) == (told, told)
    assert orders[kept].coverage_reason == within and orders[other_date].coverage == "out_of_warranty"
    assert {orders[id].state for id in ended} == {"audited"}
