"""Exports, read back by another reader: numbers, days and times are ones, text is text, nothing is a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from hypothesis import given, strategies as st
from openpyxl.utils.escape import unescape

from chassis import contracts
from chassis.http import exports
from tests.architecture.test_operations import OPERATIONS

SHAPES = contracts.read(contracts.CONTRACTS / "common" / "schemas.yaml")
MEMBERS = {
    "money": SHAPES["Money"], "cost": {"type": "string", "pattern": r"^\d+\.\d{4}$"}, "day": SHAPES["Date"], "time": SHAPES["Time"],
    "phone": {"type": "string"}, "long": {"type": "string"}, "many": {"type": "array"}, "count": {"type": "integer"}, "yes": {"type": "boolean"}, "last": {"type": "string"},
}  # fmt: skip
COLUMNS = exports.columns_of({"properties": {"items": {"items": {"properties": MEMBERS}}}})
FORMULAS = ["=1+1", "+86 138", "-2+3", "@SUM(A1)", "=cmd|' /C calc'!A0", "＝1+1", "\t=1", "\r=1", "\n=1", " =1", "\"=1", "-", "+8613800138000", "@"]


def pages(items: list[dict[str, Any]], size: int = 2) -> exports.NextPage:
    def next_page(cursor: str | None) -> dict[str, Any]:
        at = int(cursor or 0)
        return {"items": items[at : at + size], "next_cursor": str(at + size) if at + size < len(items) else None}

    return next_page


def workbook(items: list[dict[str, Any]], columns: list[exports.Column] = COLUMNS) -> Any:
    return openpyxl.load_workbook(io.BytesIO(b"".join(exports.chunks("xlsx", pages(items), columns))))


def table(items: list[dict[str, Any]], delimiter: str = ",", columns: list[exports.Column] = COLUMNS) -> list[list[str]]:
    text = b"".join(exports.chunks("csv", pages(items), columns)).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_a_workbook_holds_numbers_days_and_times() -> None:
    at = datetime(2026, 11, 28, 5, 6, 7, tzinfo=UTC)
    sheet = workbook([
        {"money": Decimal("-1234567890123.45"), "cost": "0.0642", "day": date(2026, 1, 31), "time": at, "phone": "+8613800138000", "count": 7, "yes": True},
        {"money": "0.10", "cost": None, "day": "1869-05-10", "time": "2026-11-28T13:06:07+08:00", "phone": "007", "count": 10**17, "yes": False, "many": [1, "=1"]},
    ]).active  # fmt: skip
    assert [cell.value for cell in sheet[1]] == list(MEMBERS)
    first, second = (dict(zip(MEMBERS, row, strict=True)) for row in (sheet[2], sheet[3]))
    assert (first["money"].value, first["cost"].value, second["money"].value) == (-1234567890123.45, 0.0642, 0.1)
    assert (first["money"].number_format, first["cost"].number_format) == ("#,##0.00", "#,##0.0000")
    assert first["day"].value.date() == date(2026, 1, 31) and first["day"].is_date and first["day"].number_format == "yyyy-mm-dd"
    assert first["time"].value == second["time"].value == at.replace(tzinfo=None) and "hh:mm:ss" in first["time"].number_format
    assert (first["phone"].value, second["phone"].value, second["day"].value) == ("+8613800138000", "007", "1869-05-10")
    assert (first["count"].value, second["count"].value, second["many"].value) == (7, str(10**17), '[1,"=1"]')
    assert first["yes"].value is True and second["yes"].value is False and second["cost"].value is None


@pytest.mark.parametrize("text", [*FORMULAS, "{=1+1}", "http://x.example", "internal:A1", "_x0041_", "  a ", "a\nb", "中文 😀", "1e5", "0012", "TRUE"])
def test_a_text_stays_as_it_was_typed_in_a_workbook(text: str) -> None:
    cell = workbook([{"phone": text}]).active["E2"]
    assert (unescape(cell.value), cell.data_type) == (text, "s") and cell.hyperlink is None


@pytest.mark.parametrize("long", ["x" * 40_000, "😀" * 20_000, "x" + "😀" * 16_384, "x" * 32_768])
def test_a_long_text_is_shortened_and_its_neighbours_stay(long: str) -> None:
    row = [cell.value for cell in workbook([{"phone": "p", "long": long, "last": "here", "count": 3}]).active[2]]
    kept = row[5]
    assert kept[:-1] == long[: len(kept) - 1] and kept.endswith("…") and exports.CELL - 2 <= len(kept.encode("utf-16-le")) // 2 <= exports.CELL
    assert (row[4], row[7], row[9]) == ("p", 3, "here")
    assert exports.shortened("x" * exports.CELL) == "x" * exports.CELL


def test_what_a_sheet_does_not_hold_goes_on_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exports.SHEET == 2**20 - 1
    monkeypatch.setattr(exports, "SHEET", 3)
    for count, sheets in ((0, [1]), (3, [4]), (4, [4, 2]), (7, [4, 4, 2])):
        book = workbook([{"count": n} for n in range(count)])
        assert [sheet.max_row for sheet in book] == sheets
        assert [row[7].value for sheet in book for row in sheet.iter_rows(min_row=2)] == list(range(count))
        assert all([cell.value for cell in sheet[1]] == list(MEMBERS) for sheet in book)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_a_table_begins_a_formula_wherever_it_is_split(formula: str, separator: str) -> None:
    texts = [formula, f"a;{formula}", f"a; {formula}", f"a;\"{formula}", f"a\t{formula}", f"a\n{formula}", f"a\r\n;{formula}", f"a;;{formula};b"]
    columns = [exports.Column(name) for name in ("phone", "money", "many", "count", "last")]
    for row in table([{"phone": text, "last": text, "many": [text], "money": "-1.00", "count": -5} for text in texts], separator, columns):
        if separator == ",":
            assert len(row) == len(columns)
        for cell in row:
            assert harmless(cell) or cell in ("-1.00", "-5"), cell


@given(st.text(st.sampled_from(list(";,\t\r\n \"'=+-@＝a1")), max_size=12))
def test_no_text_begins_a_formula_wherever_it_is_split(text: str) -> None:
    for separator in (",", ";", "\t"):
        for row in table([{"phone": "x", "long": text, "last": "y"}], separator, [exports.Column(name) for name in ("phone", "long", "last")]):
            assert all(map(harmless, row)) or exports._NUMBER.fullmatch(text), row


def harmless(cell: str) -> bool:
    return cell.lstrip(' "\t\r\n')[:1] not in tuple("=+-@＝＋－＠")


def test_what_is_no_formula_is_not_touched() -> None:
    for text in ("a-b", "a; b", "x=1", "12.50", "-12.50", "a,=b", "mail@example.com", "a\nb", "[1,-2]", ""):
        assert exports.guarded(text) == text


def test_every_amount_and_date_of_every_list_is_one() -> None:
    """By its contract; ``open_amount`` and its like must not be left as text."""
    shown = {}
    for operation in OPERATIONS:
        if "x-sorts" in operation.spec:
            schema = operation.spec["responses"]["200"]["content"]["application/json"]["schema"]
            shown |= {(operation.operation_id, column.name): column.shown for column in exports.columns_of(schema)}
    for (operation_id, name), form in shown.items():
        if name.endswith(("_total", "total", "amount", "price", "balance", "_rate", "value")) and operation_id != "settings.search" and name != "tax_rate":
            assert form and form.startswith("#"), (operation_id, name)
        if name.endswith(("_at", "_on", "_until", "since")):
            assert form and form.startswith("yyyy"), (operation_id, name)
    assert len(shown) > 300
