"""Lists as files: CSV and XLSX of all matching rows, streamed page by page, safe against formula injection (U-07).

What a column holds is what its contract says: an amount, a day and a time are one in a workbook too; everything else is text, and
text in a workbook is never run, so it needs no guard there."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter

from chassis import contracts
from chassis.http import views

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA = {"csv": CSV, "xlsx": XLSX}
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
# What a spreadsheet takes for the beginning of a formula, the wide forms where its language is Chinese or Japanese; at the beginning
# of a cell, and behind what some spreadsheet splits a line at, quotes or not: semicolons (Excel in half of Europe), tabs, line ends.
_FORMULA = re.compile(r"(?:\A|(?<=[;\t\r\n]))(?=[ \"']*[=+\-@＝＋－＠]|\A[\t\r\n])")
_CHUNK = 65536
SHEET = 1_048_575
"""Rows of a sheet below its heading."""
CELL = 32_767
"""UTF-16 units of text in a cell of a workbook."""
WHOLE = 10**15
"""Numbers from here on lose digits in a workbook, so they are text."""
FIRST_DAY = date(1900, 3, 1)
"""Spreadsheets know no day before 1900, and one too many in its February."""

NextPage = Callable[[str | None], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column and how a workbook shows it: the number format of amounts, days and times; None for all else."""

    name: str
    shown: str | None = None


def columns_of(schema: dict[str, Any]) -> list[Column]:
    """Columns of a list, given the schema of its answer: the properties of its items, in the contract's order. What only the answer
    for one document has (``x-single``) is no column."""
    members = schema["properties"]["items"]["items"].get("properties", {})
    return [Column(name, _shown(member)) for name, member in members.items() if not member.get("x-single")]


def _shown(schema: dict[str, Any]) -> str | None:
    if (decimals := contracts.decimals(schema)) is not None:
        return f"#,##0.{'0' * decimals}"
    return {"date": "yyyy-mm-dd", "date-time": 'yyyy-mm-dd hh:mm:ss"Z"'}.get(schema.get("format", ""))  # UTC, as everywhere


def rows(next_page: NextPage, columns: list[Column]) -> Iterator[list[Any]]:
    """All rows: ``next_page`` is asked for one page after the other, each in a transaction of its own."""
    cursor: str | None = None
    while True:
        page = next_page(cursor)
        for item in page["items"]:
            yield [item.get(column.name) for column in columns]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _text(value: Any) -> str:
    """As the API writes it."""
    return value if isinstance(value, str) else views.dump(value).decode().strip('"')


def guarded(value: Any) -> Any:
    """A value for CSV: where a spreadsheet would begin a formula stands an apostrophe."""
    if value is None or isinstance(value, int | float):
        return value
    text = _text(value)
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub("'", text)


def csv_chunks(next_page: NextPage, columns: list[Column]) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, so that spreadsheets read Chinese."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([column.name for column in columns])
    yield b"\xef\xbb\xbf"
    for row in rows(next_page, columns):
        writer.writerow([guarded(value) for value in row])
        if buffer.tell() > _CHUNK:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def native(value: Any, column: Column) -> Any:
    """A value as a workbook holds it: number, day, time (UTC, without a zone) or truth where it can, else text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < WHOLE else str(value)
    if column.shown is None:
        return shortened(_text(value))
    if column.shown.startswith("#"):
        return float(Decimal(value))
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(at, datetime) and at.tzinfo is not None:
        at = at.astimezone(UTC).replace(tzinfo=None)
    return at if (at.year, at.month, at.day) >= (FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day) else _text(value)


def shortened(text: str) -> str:
    """What fits a cell; an ellipsis says that something is missing."""
    if len(text.encode("utf-16-le")) <= 2 * CELL:
        return text
    return text.encode("utf-16-le")[: 2 * (CELL - 1)].decode("utf-16-le", "ignore") + "…"


def xlsx_chunks(next_page: NextPage, columns: list[Column]) -> Iterator[bytes]:
    """Written row by row to a temporary file (flat memory), then sent. What a sheet does not hold goes on on the next."""
    with tempfile.TemporaryFile() as file:
        with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
            shapes = {shown: book.add_format({"num_format": shown} if shown else {}) for shown in {column.shown for column in columns}}
            sheet = _sheet(book, columns)
            for index, row in enumerate(rows(next_page, columns)):
                if index and index % SHEET == 0:
                    sheet = _sheet(book, columns)
                for place, (value, column) in enumerate(zip(row, columns, strict=True)):
                    _write(sheet, index % SHEET + 1, place, native(value, column), shapes[column.shown])
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk


def _sheet(book: Any, columns: list[Column]) -> Any:
    sheet = book.add_worksheet()
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column.name)
    return sheet


def _write(sheet: Any, row: int, place: int, value: Any, shape: Any) -> None:
    """By its type, never by what a text looks like."""
    if isinstance(value, str):
        sheet.write_string(row, place, value)
    elif isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, int | float):
        sheet.write_number(row, place, value, shape)
    elif value is not None:
        sheet.write_datetime(row, place, value, shape)


def chunks(format: str, next_page: NextPage, columns: list[Column]) -> Iterator[bytes]:
    return (csv_chunks if format == "csv" else xlsx_chunks)(next_page, columns)
