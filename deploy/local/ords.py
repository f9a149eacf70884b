"""Open Repair Data Standard v0.3: reading its CSV row by row, and what a row means here.

Nothing is held but the row at hand, however long the file. A broken row (a stray quote swallows what follows) costs that row
alone: reading goes on with the line after it.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

COLUMNS = (
    "id", "data_provider", "country", "product_category", "brand", "year_of_manufacture", "product_age", "repair_status",
    "repair_barrier_if_end_of_life", "group_identifier", "event_date", "problem",
)
ZONES = {"GBR": "Europe/London"}
LONGEST_RECORD = 1000  # lines; a quote left open must not swallow the file
BRANCH = "ORDS"


class Unusable(Exception):
    """The file as a whole cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """``line``: where the row begins in the file. ``error``: why it cannot be used, else None."""

    line: int
    values: dict[str, str]
    error: str | None = None


def check(path: Path) -> int:
    """Bytes of the file. Raises Unusable unless it is UTF-8 text with all columns; reads it once, in pieces."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    size = 0
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                try:
                    decoder.decode(piece)
                except UnicodeDecodeError as error:
                    raise Unusable(f"{path} is not UTF-8 text (byte {size + error.start})") from None
                size += len(piece)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise Unusable(f"{path} is not UTF-8 text (cut off at its end)") from None
    except OSError as error:
        raise Unusable(f"cannot read {path}: {error.strerror}") from None
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise Unusable(f"{path} lacks the columns {', '.join(missing)}")
    if len(set(header)) < len(header):
        raise Unusable(f"{path} names a column twice")
    return size


def rows(path: Path) -> Iterator[Row]:
    """Every row in the order of the file, broken ones with their error."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        source = _Lines(file)
        header = source.record() or []
        while True:
            line = source.number + 1
            try:
                fields = source.record()
            except csv.Error as error:
                source.give_back()
                yield Row(line, {}, f"broken row: {error}")
                continue
            if fields is None:
                return
            if not fields:
                continue  # an empty line
            if len(fields) != len(header):
                source.give_back()
                yield Row(line, {}, f"broken row: {len(fields)} fields instead of {len(header)}")
                continue
            yield Row(line, dict(zip(header, fields, strict=True)))


class _Lines:
    """Lines of the file as the csv reader takes them; those of the last record after its first can be given back."""

    def __init__(self, file: Iterator[str]) -> None:
        self.number = 0
        self._file, self._waiting, self._taken = file, deque[str](), list[str]()

    def record(self) -> list[str] | None:
        """The next record's fields; None at the end."""
        self._taken = []
        return next(csv.reader(self._next(), strict=True), None)

    def give_back(self) -> None:
        rest = self._taken[1:]
        self._waiting.extendleft(reversed(rest))
        self.number -= len(rest)

    def _next(self) -> Iterator[str]:
        while len(self._taken) < LONGEST_RECORD:
            line = self._waiting.popleft() if self._waiting else next(self._file, None)
            if line is None:
                return
            self.number += 1
            self._taken.append(line)
            yield line
        raise csv.Error("a quote is never closed")


# ---------------------------------------------------------------- what a row means


def product_code(brand: str, category: str) -> str:
    """Stable and different for every pair that differs in so much as a letter's case."""
    return f"{BRANCH}-{_digest(brand, category)}"


def site_code(name: str) -> str:
    return f"{BRANCH}-{_digest(name)}"


def _digest(*words: str) -> str:
    return hashlib.sha256("\x1f".join(words).encode()).hexdigest()[:16]


def zone(country: str) -> str:
    return ZONES.get(country, "UTC")


def outcome(row: dict[str, str]) -> dict[str, str] | None:
    """State and reason of the order; None where the status is none of the standard's."""
    barrier = row["repair_barrier_if_end_of_life"].strip()
    ends: dict[str, dict[str, str]] = {
        "Fixed": {"state": "audited"},
        "Repairable": {"state": "cancelled", "reason": "repairable elsewhere"},
        "End of life": {"state": "cancelled", "reason": barrier or "end of life"},
        "Unknown": {"state": "registered"},
    }
    return ends.get(row["repair_status"])


def bought_on(row: dict[str, str]) -> str | None:
    """First day of the year of manufacture, or the day of the event less the product's age in years, where one is told."""
    try:
        if row["year_of_manufacture"].strip():
            return date(int(float(row["year_of_manufacture"])), 1, 1).isoformat()
        if row["product_age"].strip():
            age = timedelta(days=round(float(row["product_age"]) * 365.25))
            return (date.fromisoformat(row["event_date"]) - age).isoformat()
    except (ValueError, OverflowError):
        return None
    return None


def order(row: dict[str, str], site_id: str, product_id: str) -> dict[str, Any]:
    """The row as the batch call takes it."""
    bought = bought_on(row)
    return {
        "source": row["data_provider"],
        "external_id": row["id"],
        "site_id": site_id,
        "product_id": product_id,
        "device": {"purchased_on": bought} if bought else {},
        "channel": "counter",
        "event_date": row["event_date"],
        "problem": row["problem"],
        **(outcome(row) or {}),
    }
