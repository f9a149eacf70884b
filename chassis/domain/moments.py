"""Points in time as callers write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def moment(text: str) -> datetime:
    """RFC 3339 text as UTC, so that PostgreSQL takes it, which does not take every offset that the format allows. ValueError
    when it is none, a leap second, or so near to the years 1 or 9999 that some time zone has no such day."""
    if not RFC_3339.fullmatch(text):
        raise ValueError(text)
    found = datetime.fromisoformat(text.upper())
    if not 1 < found.year < 9999:
        raise ValueError(text)
    return found.astimezone(UTC)


def is_moment(text: str) -> bool:
    try:
        moment(text)
    except ValueError:
        return False
    return True
