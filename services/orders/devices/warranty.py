"""Warranty decision (保修判定, O-25, O-26, O-28, O-30): pure functions; every step leaves an explanation line.

A line is ``{"code": …, parameter: …}``: language-neutral, stored with the decision and put into words when shown.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Self

Line = dict[str, Any]


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
    """An earlier in-warranty repair: its order number, the day it was registered and the day it was ready."""

    number: str
    since: date
    until: date

    @property
    def days(self) -> int:
        return (self.until - self.since).days

    @classmethod
    def read(cls, line: Line) -> Self:
        return cls(line["number"], date.fromisoformat(line["from"]), date.fromisoformat(line["to"]))

    def as_line(self) -> Line:
        return {"number": self.number, "from": str(self.since), "to": str(self.until)}


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
        return last_covered_day(self.start, self.months, self.repair_days)

    @property
    def repair_days(self) -> int:
        return days_away(self.stays)


@dataclass(frozen=True, slots=True)
class Decision:
    coverage: Coverage
    lines: Sequence[Line] = field(default_factory=tuple)


def last_covered_day(start: date, months: int, repair_days: int = 0) -> date:
    """The day before the first one not covered, + days spent in repair (O-26). That first one has the number of ``start`` so
    many months later, or is the 1st of the month after where there is none."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last_of_month = date(year, month + 1, monthrange(year, month + 1)[1])
    before = min(start.day - 1, last_of_month.day)  # 0: the last day of the month before
    return last_of_month.replace(day=1) + timedelta(days=before - 1 + repair_days)


def days_away(stays: Iterable[Stay]) -> int:
    """Days of these repairs, one that several of them share counted once."""
    away, known_until = 0, date.min
    for stay in sorted(stays, key=lambda stay: stay.since):
        away += max(0, (stay.until - max(stay.since, known_until)).days)
        known_until = max(known_until, stay.until)
    return away


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
    ends_on = last_covered_day(term.start, term.months, term.repair_days)
    if term.repair_days:
        repairs = [stay.as_line() for stay in term.stays]
        lines.append(
            {"code": "repair_days", "days": term.repair_days, "repairs": repairs, "ends_on": str(ends_on)}
        )
    covered = term.start <= fault_on <= ends_on
    code = "fault_in_term" if covered else "fault_before_term" if fault_on < term.start else "fault_after_term"
    lines.append({"code": code, "fault_on": str(fault_on), "start": str(term.start), "ends_on": str(ends_on)})
    return (Coverage.IN_WARRANTY if covered else Coverage.OUT_OF_WARRANTY), lines
