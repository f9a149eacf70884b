"""Warranty decision (保修判定, O-25, O-26, O-28, O-30): pure functions; every step leaves an explanation line.

A line is ``{"code": …, parameter: …}``: language-neutral, stored with the decision and put into words when shown.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

Line = dict[str, Any]
FIRST_YEAR, LAST_YEAR = 1900, 9000


class Coverage(StrEnum):
    """Who is covered: 保内, 保外, 保内待检."""

    IN_WARRANTY = "in_warranty"
    OUT_OF_WARRANTY = "out_of_warranty"
    TO_CHECK = "to_check"


class Exclusion(StrEnum):
    """Reasons that put a device out of warranty whatever its dates say (O-28)."""

    MISUSE = "misuse"
    SELF_DISMANTLED = "self_dismantled"
    NO_PROOF = "no_proof"
    EXPIRED = "expired"
    CUSTOM_MADE = "custom_made"


@dataclass(frozen=True, slots=True)
class Stay:
    """An earlier in-warranty repair: its order number and the whole days the device was away."""

    number: str
    days: int


@dataclass(frozen=True, slots=True)
class Term:
    """What a device's warranty rests on: ``start`` is None while no purchase date is known."""

    start: date | None
    months: int
    stays: tuple[Stay, ...] = ()

    @property
    def ends_on(self) -> date | None:
        """Last covered day, that day included; None while the start is unknown."""
        if self.start is None:
            return None
        return last_covered_day(self.start, self.months, sum(stay.days for stay in self.stays))


@dataclass(frozen=True, slots=True)
class Decision:
    coverage: Coverage
    lines: Sequence[Line] = field(default_factory=tuple)


def believable(start: date) -> bool:
    """A day on which a device can have been sold or broken. Near the years 1 and 9999 terms leave the calendar."""
    return FIRST_YEAR <= start.year < LAST_YEAR


def add_months(day: date, months: int) -> date:
    """The same day some months later, clamped to the month's end: 2024-08-31 + 6 -> 2025-02-28."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def last_covered_day(start: date, months: int, repair_days: int = 0) -> date:
    """(start - 1 day) + months, clamped to the month's end, + days spent in repair (O-26)."""
    return add_months(start - timedelta(days=1), months) + timedelta(days=repair_days)


def decide(
    term: Term | None, fault_on: date, *, exclusion: Exclusion | None = None, quality_defect: bool = True
) -> Decision:
    """Decide a fault of ``fault_on`` (a day in the site's zone). ``term`` None means the device is unknown.

    An exclusion is always out. In term a quality defect (the default) is covered, anything else is chargeable (O-30).
    Without a device or its purchase date the decision stays to check.
    """
    coverage, lines = _by_date(term, fault_on)
    if exclusion is not None:
        return Decision(Coverage.OUT_OF_WARRANTY, [*lines, {"code": f"exclusion_{exclusion.value}"}])
    if not quality_defect:
        return Decision(Coverage.OUT_OF_WARRANTY, [*lines, {"code": "no_quality_defect"}])
    return Decision(coverage, lines)


def _by_date(term: Term | None, fault_on: date) -> tuple[Coverage, list[Line]]:
    if term is None:
        return Coverage.TO_CHECK, [{"code": "no_device"}]
    if term.start is None:
        return Coverage.TO_CHECK, [{"code": "no_purchase_date"}]
    without_stays = last_covered_day(term.start, term.months)
    lines: list[Line] = [
        {"code": "term", "start": str(term.start), "months": term.months, "ends_on": str(without_stays)}
    ]
    ends_on = last_covered_day(term.start, term.months, sum(stay.days for stay in term.stays))
    if ends_on != without_stays:
        days = [{"number": stay.number, "days": stay.days} for stay in term.stays]
        lines.append(
            {
                "code": "repair_days",
                "days": (ends_on - without_stays).days,
                "repairs": days,
                "ends_on": str(ends_on),
            }
        )
    covered = fault_on <= ends_on
    code = "fault_in_term" if covered else "fault_after_term"
    lines.append({"code": code, "fault_on": str(fault_on), "ends_on": str(ends_on)})
    return (Coverage.IN_WARRANTY if covered else Coverage.OUT_OF_WARRANTY), lines
