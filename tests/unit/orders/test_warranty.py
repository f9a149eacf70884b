"""Warranty decision: worked example 'Guarantee end' (without exchange) and the rules of O-25, O-26, O-28, O-30."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice

import pytest
from hypothesis import given, strategies as st

from services.orders.devices import Coverage, Device, Exclusion, Stay, Term, decide
from services.orders.devices.warranty import days_away, last_covered_day
from services.orders.texts import catalogue, say
from tests.support.announced import announced, loaded

START = date(2025, 3, 1)


def away(number: str, since: str, until: str) -> Stay:
    return Stay(number, date.fromisoformat(since), date.fromisoformat(until))


def counted_day_by_day(start: date) -> Iterator[date]:
    """The rule read aloud, for 0, 1, 2, … months: walk from day to day until the first one that is not covered."""
    year, month, day = start.year, start.month, start
    while True:
        while True:
            reached = (day.year, day.month) == (year, month) and day.day == start.day
            overrun = (day.year, day.month) > (year, month)  # that month had no such day: this is the 1st of the next
            if reached or overrun:
                break
            day += timedelta(days=1)
        yield day - timedelta(days=1)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def codes(decision) -> list[str]:
    return [line["code"] for line in decision.lines]


@pytest.mark.parametrize(
    ("start", "months", "repair_days", "ends_on"),
    [
        ("2025-03-01", 12, 0, "2026-02-28"),
        ("2025-03-01", 12, 10, "2026-03-10"),
        ("2026-01-15", 12, 0, "2027-01-14"),
        ("2025-09-01", 6, 0, "2026-02-28"),
        ("2024-03-01", 12, 0, "2025-02-28"),
        ("2023-03-01", 12, 0, "2024-02-29"),
        ("2026-03-01", 6, 0, "2026-08-31"),
        ("2026-05-01", 6, 0, "2026-10-31"),
        ("2026-08-31", 6, 0, "2027-02-28"),
        ("2026-08-30", 6, 0, "2027-02-28"),
        ("2026-08-29", 6, 0, "2027-02-28"),
        ("2026-08-28", 6, 0, "2027-02-27"),
        ("2024-02-29", 12, 0, "2025-02-28"),
        ("2024-02-29", 48, 0, "2028-02-28"),
        ("2026-08-31", 1, 2, "2026-10-02"),
        ("1869-01-01", 12, 0, "1869-12-31"),
        ("2025-01-01", 24, 0, "2026-12-31"),
        ("2025-05-10", 0, 0, "2025-05-09"),
    ],
)
def test_last_covered_day(start: str, months: int, repair_days: int, ends_on: str):
    assert str(last_covered_day(date.fromisoformat(start), months, repair_days)) == ends_on


@given(st.dates(date(1800, 1, 1), date(2200, 1, 1)), st.integers(0, 120))
def test_the_last_covered_day_is_what_counting_finds(start: date, months: int):
    assert last_covered_day(start, months) == next(islice(counted_day_by_day(start), months, None))


@pytest.mark.parametrize("number", range(1, 32))
def test_every_day_of_the_month_through_leap_years(number: int):
    for year, month in ((year, month) for year in (2023, 2024) for month in range(1, 13)):
        if number <= monthrange(year, month)[1]:
            start = date(year, month, number)
            for months, last in enumerate(islice(counted_day_by_day(start), 26)):
                assert last_covered_day(start, months) == last, (start, months)


PERIODS = st.tuples(st.dates(date(2026, 1, 1), date(2026, 3, 1)), st.integers(0, 40))


@given(st.lists(PERIODS, max_size=6))
def test_days_away_are_the_days_on_which_it_was_away(periods: list[tuple[date, int]]):
    stays = [Stay(str(n), since, since + timedelta(days=days)) for n, (since, days) in enumerate(periods)]
    assert days_away(stays) == len({since + timedelta(days=n) for since, days in periods for n in range(days)})


def test_the_last_day_counts_and_repairs_lengthen_the_term():
    term = Term(START, 12, (away("RE25060001", "2025-06-01", "2025-06-07"), away("RE25090007", "2025-09-10", "2025-09-14")))
    last, after = decide(term, date(2026, 3, 10)), decide(term, date(2026, 3, 11))
    assert (last.coverage, after.coverage) == (Coverage.IN_WARRANTY, Coverage.OUT_OF_WARRANTY)
    assert codes(last) == ["term", "repair_days", "fault_in_term"]
    assert last.lines[1] == {
        "code": "repair_days",
        "days": 10,
        "repairs": [
            {"number": "RE25060001", "from": "2025-06-01", "to": "2025-06-07"},
            {"number": "RE25090007", "from": "2025-09-10", "to": "2025-09-14"},
        ],
        "ends_on": "2026-03-10",
    }
    assert codes(after) == ["term", "repair_days", "fault_after_term"]


def test_two_repairs_over_the_same_ten_days_add_ten():
    both = (away("RE1", "2025-06-01", "2025-06-11"), away("RE2", "2025-06-01", "2025-06-11"))
    assert Term(START, 12, both).ends_on == date(2026, 3, 10)
    apart = (*both, away("RE3", "2025-06-08", "2025-06-13"))
    assert Term(START, 12, apart).repair_days == 12


@pytest.mark.parametrize("fault_on", ["2025-02-28", "1999-12-31"])
def test_a_fault_before_the_term_began_is_out(fault_on: str):
    decision = decide(Term(START, 12), date.fromisoformat(fault_on))
    assert (decision.coverage, codes(decision)) == (Coverage.OUT_OF_WARRANTY, ["term", "fault_before_term"])
    assert decide(Term(START, 12), START).coverage is Coverage.IN_WARRANTY, "the first day counts"


def test_without_device_or_purchase_date_it_is_to_check():
    assert decide(None, START).coverage is Coverage.TO_CHECK
    assert codes(decide(None, START)) == ["no_device"]
    unknown = decide(Term(None, 12), START)
    assert (unknown.coverage, codes(unknown)) == (Coverage.TO_CHECK, ["no_purchase_date"])


@pytest.mark.parametrize("exclusion", list(Exclusion))
@pytest.mark.parametrize("term", [None, Term(None, 12), Term(START, 12)])
def test_an_exclusion_is_always_out(exclusion: Exclusion, term: Term | None):
    decision = decide(term, START, exclusion=exclusion)
    assert decision.coverage is Coverage.OUT_OF_WARRANTY
    assert codes(decision)[-1] == f"exclusion_{exclusion}"


def test_without_quality_defect_it_is_chargeable():
    decision = decide(Term(START, 12), START, quality_defect=False)
    assert (decision.coverage, codes(decision)[-1]) == (Coverage.OUT_OF_WARRANTY, "no_quality_defect")


def test_every_line_has_words_in_both_languages():
    decisions = [
        decide(None, START),
        decide(Term(None, 1), START),
        decide(Term(START, 1, (away("RE1", "2025-03-02", "2025-03-05"),)), START, quality_defect=False),
        decide(Term(START, 1), date(2026, 1, 1)),
        decide(Term(START, 1), date(2024, 1, 1)),
        *(decide(None, START, exclusion=exclusion) for exclusion in Exclusion),
    ]
    for line in (line for decision in decisions for line in decision.lines):
        assert line["code"] in catalogue()["coverage"]
        zh, en = (say("coverage", line["code"], language, line) for language in ("zh", "en"))
        assert zh and en and zh != en and "{" not in zh + en
    assert say("coverage", "term", "en", decide(Term(START, 12), START).lines[0]) == (
        "12 months from 2025-03-01, last covered day 2026-02-28"
    )


def test_a_device_adds_each_repair_once():
    device = Device.create(product_id=None, warranty_months=12, purchased_on=START)  # type: ignore[arg-type]
    assert device.warranty_ends_on == date(2026, 2, 28)
    device.add_stay(away("RE25060001", "2025-06-01", "2025-06-07"))
    loaded(device)
    device.add_stay(away("RE25060001", "2025-06-01", "2025-06-09"))
    assert (device.warranty_ends_on, announced(device)) == (date(2026, 3, 6), [])
    device.add_stay(away("RE25060002", "2025-06-01", "2025-06-01"))
    assert len(device.stays) == 1
