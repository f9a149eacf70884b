"""Cursors come back from strangers: what this suite did not write itself is a bad cursor, whatever it is."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, strategies as st
from sqlalchemy import Column, Interval, MetaData, Numeric, Table, Uuid, func, select

from chassis.db import cursors
from chassis.db.paging import Listing
from chassis.domain.errors import BadCursor

LIST, OTHER = cursors.mark_of("/bills", {"state": "open"}), cursors.mark_of("/bills", {"state": "settled"})
ID = UUID("01890000-0000-7000-8000-000000000001")


class State(StrEnum):
    OPEN = "open"


GOOD: list[tuple[type, Any]] = [
    (str, "Größe 中文\n"), (int, -(2**63)), (bool, True), (Decimal, Decimal("-12.50")), (date, date(2026, 1, 31)), (State, State.OPEN),
    (datetime, datetime(2026, 11, 28, 5, 6, 7, 89, UTC)), (UUID, ID),
]  # fmt: skip
HOSTILE: list[tuple[type, Any]] = [
    *((kind, value) for kind, _ in GOOD for value in ([], {}, [1], {"a": 1}, 1.5, 1e308, 2**63)),
    *((kind, value) for kind, _ in GOOD if kind is not str for value in ("", "x", "\0", "１２")),
    *((kind, True) for kind, _ in GOOD if kind is not bool), (str, 1), (str, "a\0"), (int, "1"), (bool, 1), (Decimal, "NaN"), (Decimal, "Infinity"),
    (Decimal, "1e999999"), (Decimal, "1_0"), (Decimal, " 1"), (Decimal, "9" * 40), (date, "0000-01-01"), (date, "20260101"), (date, "2026-W01-1"),
    (datetime, "2026-01-01T00:00:00"), (datetime, "2026-01-01T00:00:00+23:59"), (datetime, "0000-01-01T00:00:00+00:00"), (datetime, "2026-01-01"),
    (datetime, "9999-12-31T23:59:59-14:00"), (datetime, "0001-01-01T00:00:00+14:00"), (datetime, "2026-01-01T00:00:00+00:00:30"), (UUID, ID.hex),
    (UUID, f"{{{ID}}}"), (UUID, f"urn:uuid:{ID}"), (UUID, "01890000-0000-7000-8000-00000000000A"), (UUID, 5), (State, "settled"), (bytes, "x"),
]  # fmt: skip
raw = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3), max_leaves=8,
)


@pytest.mark.parametrize(("kind", "value"), GOOD, ids=repr)
def test_a_place_comes_back_as_it_was(kind: type, value: Any) -> None:
    found, id = cursors.decode(cursors.encode(LIST, "-x", value, ID), LIST, "-x")
    assert cursors.typed(found, kind) == value and type(cursors.typed(found, kind)) is kind
    assert cursors.typed(id, UUID) == ID


@pytest.mark.parametrize(("kind", "value"), HOSTILE, ids=repr)
def test_what_such_a_column_never_holds_is_refused(kind: type, value: Any) -> None:
    with pytest.raises(BadCursor):
        cursors.typed(value, kind)


@pytest.mark.parametrize(("list_", "sort"), [(OTHER, "x"), (cursors.mark_of("/payments", {"state": "open"}), "x"), (LIST, "-x"), (LIST, "y")])
def test_a_place_in_another_list_order_or_filter_is_refused(list_: str, sort: str) -> None:
    with pytest.raises(BadCursor):
        cursors.decode(cursors.encode(LIST, "x", "a", ID), list_, sort)


@given(raw)
def test_any_json_is_read_or_refused(value: Any) -> None:
    _read_or_refused(base64.urlsafe_b64encode(orjson.dumps(value)).decode() if not _too_big(value) else "x")


@given(raw, raw)
def test_any_place_is_read_or_refused(value: Any, id: Any) -> None:
    if not _too_big([value, id]):
        _read_or_refused(cursors.encode(LIST, "x", value, id))


@given(st.text() | st.binary().map(lambda given: base64.urlsafe_b64encode(given).decode()))
def test_any_text_is_read_or_refused(text: str) -> None:
    _read_or_refused(text)


def _read_or_refused(text: str) -> None:
    for kind, _ in GOOD:
        try:
            found, id = cursors.decode(text, LIST, "x")
            made = cursors.encode(LIST, "x", cursors.typed(found, kind), cursors.typed(id, UUID))
        except BadCursor:
            continue
        assert cursors.parts(made) == cursors.parts(text), "what is read is what would have been written"


def _too_big(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return True
    return False


def test_a_list_is_not_sorted_by_what_no_cursor_holds() -> None:
    """An expression without a type gave a first page that no other could follow."""
    table = Table("t", MetaData(), Column("id", Uuid(), primary_key=True), Column("n", Numeric()))
    for sort, error in ((func.greatest(table.c.n, 0), TypeError), (func.now(type_=Interval()), TypeError)):
        with pytest.raises(error):
            Listing(select(table), sorts={"x": sort}, default_sort="x", key=table.c.id)
    Listing(select(table), sorts={"x": func.greatest(table.c.n, 0, type_=Numeric())}, default_sort="x", key=table.c.id)
