"""Days and points in time as callers write them, and where they may lie; names of time zones that documents may carry."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import available_timezones

FULL_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
FIRST_DAY, LAST_DAY = date(1800, 1, 1), date(9998, 12, 31)
"""What is outside is a slip of the hand. Machines that are repaired today were made from the 1860s on; beyond the end some time
zone has no such day."""
BEGINS_FIRST, ENDS_LAST = timedelta(hours=14), timedelta(hours=-12)
"""Offsets of the zones where a day begins first and where it ends last."""


class When(StrEnum):
    """Where a day or moment of a request may lie, seen from now (``x-when`` of the contracts)."""

    PAST = "past"
    FUTURE = "future"
    EITHER = "either"

    def allows(self, at: date | datetime, now: datetime) -> bool:
        """A day without a zone is past once it has begun anywhere, and future until it has ended everywhere. The minute that
        runs is still to come: people type no seconds."""
        if isinstance(at, datetime):
            past, future, day = at <= now, at >= now.replace(second=0, microsecond=0), at.astimezone(UTC).date()
        else:
            past, future, day = at <= (now + BEGINS_FIRST).date(), at >= (now + ENDS_LAST).date(), at
        in_time = {When.PAST: past, When.FUTURE: future, When.EITHER: True}[self]
        return in_time and FIRST_DAY <= day <= LAST_DAY


def day(text: str) -> date:
    """``YYYY-MM-DD``. ValueError when it is none that a calendar has."""
    if not FULL_DATE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def moment(text: str) -> datetime:
    """RFC 3339 text as UTC, so that PostgreSQL takes it, which does not take every offset that the format allows. ValueError
    when it is none, a leap second, or so near to the years 1 or 9999 that some time zone has no such day."""
    if not RFC_3339.fullmatch(text):
        raise ValueError(text)
    return utc(datetime.fromisoformat(text.upper()))


def utc(at: datetime) -> datetime:
    """ValueError where some time zone has no such day."""
    if not 1 < at.year < 9999:
        raise ValueError(at)
    return at.astimezone(UTC)


def is_day(text: str) -> bool:
    try:
        day(text)
    except ValueError:
        return False
    return True


def is_moment(text: str) -> bool:
    try:
        moment(text)
    except ValueError:
        return False
    return True


DEFAULT_ZONE = "Asia/Shanghai"
NOWHERE = ("Factory", "localtime", "posixrules")
"""Known to the zone database and no place: what they say depends on the machine that reads them."""


def is_zone(name: str) -> bool:
    return name in _places()


@cache
def _places() -> frozenset[str]:
    return frozenset(available_timezones()).difference(NOWHERE)
