"""What people type, understood: dates and times in words, money with separators, yes and no."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from chassis.domain.moments import When, is_day, utc

DAYS = {
    "前天": -2, "昨天": -1, "今天": 0, "明天": 1, "后天": 2, "大后天": 3,
    "yesterday": -1, "today": 0, "tomorrow": 1,
}  # fmt: skip
WEEKDAYS = {
    **{f"{prefix}{char}": n for prefix in ("周", "星期") for n, char in enumerate("一二三四五六日")},
    "周天": 6, "星期天": 6,
    **{day: n for n, day in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))},
    **{day: n for n, day in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))},
}  # fmt: skip
AFTERNOON = {"下午", "晚上", "pm", "p.m."}
MORNING = {"上午", "早上", "凌晨", "am", "a.m."}
_CLOCK = re.compile(r"(\d{1,2})(?:[:：](\d{2})(?::(\d{2})(?:\.\d+)?)?|[点时](?:(\d{1,2})分?|(半))?)")
_ISO = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_SHORT = re.compile(r"(\d{1,2})(?:[-/]|月)(\d{1,2})日?")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[t ]\d\d:\d\d(:\d\d(\.\d+)?)?(z|[+-]\d\d:\d\d)", re.ASCII)
_SEPARATORS = re.compile(r"[, '’]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:(?:,[0-9]{3})+|(?: [0-9]{3})+|(?:['’][0-9]{3})+))(?:\.[0-9]*)?|[+-]?\.[0-9]+")
_CURRENCY = re.compile(r"^(?:[¥$€£]|CNY|RMB)\s*|(?<!\s)\s*+(?:[¥$€£]|CNY|RMB|元)$", re.IGNORECASE)
YEARS_AROUND = range(-8, 9)
"""Years around this one among which every day of the calendar is found, the 29th of February too."""


LARGEST = 10**15
"""Whole numbers below it are exact wherever they are read."""


class NotUnderstood(ValueError):
    """The text is no date, time or amount."""


def amount(text: str) -> str:
    """``1,200``, ``¥ 1200.5``, ``１，２００元`` → ``1200.50``. More decimals are passed on as they are, the API answers for
    them."""
    exact = decimal(text)
    return exact if len(exact.partition(".")[2]) > 2 else f"{Decimal(exact):.2f}"


def decimal(text: str) -> str:
    """What was typed without its separators and its currency, to the last decimal: ``¥ 9.9999`` → ``9.9999``, ``1,200`` → ``1200``."""
    return format(_decimal(_CURRENCY.sub("", unicodedata.normalize("NFKC", text).strip())), "f")


def number(text: str) -> int | float:
    """``1,200`` → 1200, ``1.5`` → 1.5. What no number of JSON can hold is not understood."""
    plain = unicodedata.normalize("NFKC", text)
    value = _decimal(plain)
    if abs(value) >= LARGEST:
        raise NotUnderstood(text)
    return int(value) if value == value.to_integral_value() and "." not in plain else float(value)


def _decimal(text: str) -> Decimal:
    """A comma, a blank or an apostrophe parts groups of three digits, or the number is not understood: ``1,50`` may mean one and a half."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise NotUnderstood(text)
    return Decimal(_SEPARATORS.sub("", match[0]))


def day(text: str, today: date, when: When = When.EITHER) -> date:
    """``2026-11-05``, ``11-05``, ``11月5日``, ``明天``, ``friday``. What names no year or week is the one that lies where the
    field's days may lie, or else the nearest day, the next weekday."""
    found, rest = _day(text.strip().lower(), today, when)
    if found is None or rest.strip():
        raise NotUnderstood(text)
    return found


def moment(text: str, now: datetime, zone: ZoneInfo, when: When = When.EITHER) -> datetime:
    """A time in UTC out of ``明天 14:00``, ``后天下午3点半``, ``2026-11-05 09:30``, ``14:00`` (today) or RFC 3339.
    A day alone means its first minute."""
    plain = text.strip().lower()
    try:
        if _RFC_3339.fullmatch(plain):
            return utc(datetime.fromisoformat(plain.upper()))
        local = now.astimezone(zone)
        found, rest = _day(plain.replace("t", " ") if plain[:4].isdigit() else plain, local.date(), when)
        clock, rest = _clock(rest)
        if rest.strip() or (found is None and clock is None):
            raise NotUnderstood(text)
        return utc(datetime.combine(found or local.date(), clock or time(0), zone))
    except ValueError:
        raise NotUnderstood(text) from None


def _day(text: str, today: date, when: When) -> tuple[date | None, str]:
    """The day a text begins with, and what follows it."""
    for word in sorted([*DAYS, *WEEKDAYS], key=len, reverse=True):
        if text.startswith(word):
            if word in DAYS:
                return today + timedelta(days=DAYS[word]), text[len(word) :]
            ahead = (WEEKDAYS[word] - today.weekday()) % 7 or 7
            back = 7 if when is When.PAST else 0
            return today + timedelta(days=(ahead - back) or -7), text[len(word) :]
    if match := _ISO.match(text):
        try:
            return date(*(int(part) for part in match.groups())), text[match.end() :]
        except ValueError:
            raise NotUnderstood(text) from None
    if match := _SHORT.match(text):
        return _of_some_year(int(match[1]), int(match[2]), today, when), text[match.end() :]
    return None, text


def _of_some_year(month: int, number: int, today: date, when: When) -> date:
    """The nearest day of this name, on the side of today where it may lie; today is on both."""
    names = (f"{today.year + years:04}-{month:02}-{number:02}" for years in YEARS_AROUND)
    days = [date.fromisoformat(name) for name in names if is_day(name)]
    sides = {When.PAST: [day for day in days if day <= today], When.FUTURE: [day for day in days if day >= today]}
    near = sides.get(when, days)
    if not near:
        raise NotUnderstood(f"{month}-{number}")
    return min(near, key=lambda day: abs(day - today))


def _clock(text: str) -> tuple[time | None, str]:
    text = text.strip()
    words = [w for w in (*AFTERNOON, *MORNING) if w in text]
    for word in words:
        text = text.replace(word, " ").strip()
    match = _CLOCK.match(text)
    if match is None:
        return None, text
    hour, minute = int(match[1]), int(match[2] or match[4] or (30 if match[5] else 0))
    if hour < 12 and any(w in AFTERNOON for w in words):
        hour += 12
    if hour == 12 and any(w in MORNING for w in words):
        hour = 0
    try:
        return time(hour, minute), text[match.end() :]
    except ValueError:
        raise NotUnderstood(text) from None
