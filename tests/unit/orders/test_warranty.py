"""Warranty decision: worked example 'Guarantee end' (without exchange) and the rules of O-25, O-26, O-28, O-30."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, strategies as st

from services.orders.devices import Coverage, Device, Exclusion, Stay, Term, decide
from services.orders.devices.warranty import add_months, last_covered_day
from services.orders.texts import catalogue, say

START = date(2025, 3, 1)


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
        ("2023-03-01", 12, 0, "2024-02-28"),
        ("2025-01-01", 24, 0, "2026-12-31"),
        ("2025-05-10", 0, 0, "2025-05-09"),
    ],
)
def test_last_covered_day(start: str, months: int, repair_days: int, ends_on: str):
    assert str(last_covered_day(date.fromisoformat(start), months, repair_days)) == ends_on


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(0, 600))
def test_months_never_leave_their_month(day: date, months: int):
    end = add_months(day, months)
    assert (end.year * 12 + end.month) - (day.year * 12 + day.month) == months
    assert end.day == day.day or (
        end.day < day.day and add_months(end.replace(day=1), 1).toordinal() == end.toordinal() + 1
    )


def test_the_last_day_counts_and_repairs_lengthen_the_term():
    term = Term(START, 12, (Stay("RE25060001", 6), Stay("RE25090007", 4)))
    last, after = decide(term, date(2026, 3, 10)), decide(term, date(2026, 3, 11))
    assert (last.coverage, after.coverage) == (Coverage.IN_WARRANTY, Coverage.OUT_OF_WARRANTY)
    assert codes(last) == ["term", "repair_days", "fault_in_term"]
    assert last.lines[1] == {
        "code": "repair_days",
        "days": 10,
        "repairs": [{"number": "RE25060001", "days": 6}, {"number": "RE25090007", "days": 4}],
        "ends_on": "2026-03-10",
    }
    assert codes(after) == ["term", "repair_days", "fault_after_term"]


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
        decide(Term(START, 1, (Stay("RE1", 3),)), START, quality_defect=False),
        decide(Term(START, 1), date(2026, 1, 1)),
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
    device = Device.from_history(product_id=None, warranty_months=12, purchased_on=START)  # type: ignore[arg-type]
    assert device.warranty_ends_on == date(2026, 2, 28)
    device.add_stay(Stay("RE25060001", 6))
    del device.__dict__["_events"]
    device.add_stay(Stay("RE25060001", 6))
    assert (device.warranty_ends_on, "_events" in device.__dict__) == (date(2026, 3, 6), False)
    device.add_stay(Stay("RE25060002", 0))
    assert len(device.stays) == 1
