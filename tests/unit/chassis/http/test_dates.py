"""Days and moments of a request: found wherever they stand, told in UTC, refused where they must not lie."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from chassis import contracts
from chassis.domain.errors import ValidationFailed
from chassis.domain.moments import When
from chassis.http.dates import Dates
from chassis.http.validation import Body
from tests.support.cells import over

NOW = datetime(2026, 11, 22, 12, 30, 40, tzinfo=UTC)
DAY, MOMENT = {"type": "string", "format": "date"}, {"type": ["string", "null"], "format": "date-time"}
SCHEMA = {
    "type": "object",
    "properties": {
        "bought": {**DAY, "x-when": "past"},
        "visit": {**MOMENT, "x-when": "future"},
        "name": {"type": "string"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"until": {**MOMENT, "x-when": "either"}}}},
        "days": {"type": "array", "items": {**DAY, "x-when": "past"}},
        "device": {"type": ["object", "null"], "properties": {"made": {**DAY, "x-when": "past"}}},
    },
}


@pytest.mark.parametrize(
    ("when", "text", "allowed"),
    [
        # noon in UTC: on the 23rd in the first zones, still the 22nd in the last
        ("past", "2026-11-23", True), ("past", "2026-11-24", False), ("past", "1869-01-01", True), ("past", "1799-12-31", False),
        ("future", "2026-11-22", True), ("future", "2026-11-21", False), ("future", "9998-12-31", True), ("future", "9999-01-01", False),
        ("either", "1800-01-01", True), ("either", "9998-12-31", True), ("either", "0001-01-01", False), ("either", "9999-12-31", False),
    ],
)  # fmt: skip
def test_where_a_day_may_lie(when: str, text: str, allowed: bool) -> None:
    assert When(when).allows(date.fromisoformat(text), NOW) is allowed


@pytest.mark.parametrize(
    ("when", "text", "allowed"),
    [
        ("past", "2026-11-22T12:30:40", True), ("past", "2026-11-22T12:30:41", False), ("past", "1799-12-31T23:59:59", False),
        ("future", "2026-11-22T12:30:00", True), ("future", "2026-11-22T12:29:59", False), ("future", "9998-12-31T23:59:59", True),
        ("either", "1801-01-01T00:00:00", True), ("either", "1799-01-01T00:00:00", False),
    ],
)  # fmt: skip
def test_where_a_moment_may_lie(when: str, text: str, allowed: bool) -> None:
    assert When(when).allows(datetime.fromisoformat(text).replace(tzinfo=UTC), NOW) is allowed


def test_each_is_named_by_its_place() -> None:
    value = {"bought": "2026-12-01", "visit": "2026-11-22T12:00:00Z", "name": "2030-01-01", "days": ["2026-01-01", "2030-01-01"],
             "lines": [{"until": "2030-01-01T00:00:00Z"}, {}, {"until": "1700-01-01T00:00:00Z"}], "device": {"made": "1799-01-01"}}  # fmt: skip
    errors = Dates(SCHEMA).misplaced(value, NOW)
    assert {error["code"] for error in errors} == {"out_of_range"}
    assert [error["field"] for error in errors] == ["bought", "visit", "lines.2.until", "days.1", "device.made"]
    with pytest.raises(ValidationFailed):
        Dates(SCHEMA).check(value, NOW)
    Dates(SCHEMA).check({"visit": None, "device": None, "lines": [{"until": None}]}, NOW)
    Dates({}).check({}, NOW)


@pytest.mark.parametrize("offset", ["+23:59", "-23:59", "+08:00", "Z"])
def test_moments_of_a_body_are_told_in_utc(offset: str) -> None:
    """PostgreSQL takes no offset of sixteen hours and more."""
    body = Body({"requestBody": {"content": {"application/json": {"schema": SCHEMA}}}})
    parsed = body.parse(orjson.dumps({"lines": [{"until": f"2026-11-22T10:00:00{offset}"}], "bought": "2026-01-01"}))
    assert parsed["lines"][0]["until"].endswith("+00:00") and parsed["bought"] == "2026-01-01"
    assert datetime.fromisoformat(parsed["lines"][0]["until"]) == datetime.fromisoformat(f"2026-11-22T10:00:00{offset}")


NO_DAYS = ["0000-01-01", "0000-00-00", "2026-02-30", "2025-02-29", "2026-13-01", "20261122", "2026-W01-1", "2026-1-5", "-001-01-01",
           "10000-01-01", "２026-11-22", "2026-11-22\n", "2026-11-22T00:00:00Z", "", " 2026-11-22"]  # fmt: skip
NO_MOMENTS = ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:60Z",
              "2016-12-31T23:59:60Z", "2026-11-22T24:00:00Z", "2026-11-22T10:00:00", "2026-11-22T10:00:00+24:00",
              "2026-11-22T10:00:00+08:60", "2026-11-22T10:60:00Z", "2026-11-22", "2026-02-29T10:00:00Z", "20261122T100000Z", ""]  # fmt: skip


def in_bodies() -> list[tuple[str, dict[str, Any]]]:
    return [(place, schema) for place, schema in dated() if ".parameters." not in place]


def dated() -> list[tuple[str, dict[str, Any]]]:
    """Every day and moment that a request of any contract can carry, as it is declared."""
    found: list[tuple[str, dict[str, Any]]] = []

    def search(node: Any, place: str) -> None:
        if isinstance(node, dict):
            if node.get("format") in ("date", "date-time"):
                found.append((place, node))
            for name, inner in node.items():
                search(inner, f"{place}.{name}")
        elif isinstance(node, list):
            for n, inner in enumerate(node):
                search(inner, f"{place}.{n}")

    for service in contracts.services():
        for operation in contracts.operations(service):
            search(operation.spec.get("requestBody", {}), operation.operation_id)
            search(operation.spec.get("parameters", []), f"{operation.operation_id}.parameters")
    search(contracts.load("orders", "repairs")["components"]["schemas"]["HistoryRow"], "HistoryRow")
    return found


def test_every_day_and_moment_of_a_body_says_where_it_may_lie() -> None:
    assert len(in_bodies()) > 10
    assert [place for place, schema in in_bodies() if schema.get("x-when") not in list(When)] == []


def test_every_day_and_moment_of_a_body_is_found() -> None:
    """One that hides in a construct that ``Dates`` does not read would never be held against its ``x-when``."""
    for service in contracts.services():
        for operation in contracts.operations(service):
            content = operation.spec.get("requestBody", {}).get("content", {}).get("application/json")
            declared = orjson.dumps(content).count(b'"format":"date') if content else 0
            assert len(Dates(content["schema"]).members if content else ()) == declared, operation.operation_id


@over("place, schema", dated(), lambda cell: cell[0])
def test_none_takes_what_no_calendar_has(place: str, schema: dict[str, Any]) -> None:
    body = Body({"requestBody": {"content": {"application/json": {"schema": {"properties": {"at": schema}}}}}})
    for text in NO_DAYS if schema["format"] == "date" else NO_MOMENTS:
        with pytest.raises(ValidationFailed) as refused:
            body.parse(orjson.dumps({"at": text}))
        assert refused.value.members["errors"] == [{"field": "at", "code": "bad_format"}], (place, text)
