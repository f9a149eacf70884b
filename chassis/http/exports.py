"""Lists as files: CSV and XLSX of all matching rows, streamed page by page, safe against formula injection (U-07)."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import xlsxwriter

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA = {"csv": CSV, "xlsx": XLSX}
FORMULA = (*"=+-@＝＋－＠", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula; the wide forms where its language is Chinese or Japanese."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_CHUNK = 65536

NextPage = Callable[[str | None], dict[str, Any]]


def columns_of(schema: dict[str, Any]) -> list[str]:
    """Column names of a list, given the schema of its answer: the properties of its items, in the contract's order."""
    return list(schema["properties"]["items"]["items"].get("properties", {}))


def cell(value: Any) -> Any:
    """A value as a spreadsheet may hold it. A text that a spreadsheet would take for a formula gets an apostrophe."""
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode().strip('"')
    if text[:1] in FORMULA and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def rows(next_page: NextPage, columns: list[str]) -> Iterator[list[Any]]:
    """All rows: ``next_page`` is asked for one page after the other, each in a transaction of its own."""
    cursor: str | None = None
    while True:
        page = next_page(cursor)
        for item in page["items"]:
            yield [cell(item.get(name)) for name in columns]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def csv_chunks(next_page: NextPage, columns: list[str]) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, so that spreadsheets read Chinese."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    yield b"\xef\xbb\xbf"
    for row in rows(next_page, columns):
        writer.writerow(row)
        if buffer.tell() > _CHUNK:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def xlsx_chunks(next_page: NextPage, columns: list[str]) -> Iterator[bytes]:
    """Written row by row to a temporary file (flat memory), then sent."""
    with tempfile.TemporaryFile() as file:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        with xlsxwriter.Workbook(file, options) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, columns)
            for index, row in enumerate(rows(next_page, columns), 1):
                sheet.write_row(index, 0, row)
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk


def chunks(format: str, next_page: NextPage, columns: list[str]) -> Iterator[bytes]:
    return (csv_chunks if format == "csv" else xlsx_chunks)(next_page, columns)
