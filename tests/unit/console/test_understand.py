"""Dates, times and amounts as people type them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from chassis.domain.moments import When
from console.contracts import Model
from console.forms import Form
from console.i18n import zone
from console.understand import NotUnderstood, amount, day, moment, number

NOW = datetime(2026, 11, 4, 18, 30, tzinfo=UTC)  # Thursday 5 November, 02:30 in Shanghai
SHANGHAI, LONDON = zone("Asia/Shanghai"), zone("Europe/London")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-05 09:30", "2026-11-05T01:30"), ("明天 14:00", "2026-11-06T06:00"), ("后天下午3点半", "2026-11-07T07:30"),
        ("今天", "2026-11-04T16:00"), ("14:00", "2026-11-05T06:00"), ("tomorrow 2:30 pm", "2026-11-06T06:30"),
        ("12月1日 8点", "2026-12-01T00:00"), ("周一 10:00", "2026-11-09T02:00"), ("friday 9:00", "2026-11-06T01:00"),
        ("周四 10:00", "2026-11-12T02:00"), ("12:00 am", "2026-11-04T16:00"), ("2026-11-05T09:30:00Z", "2026-11-05T09:30"),
        ("2026-11-05 09:30:00+08:00", "2026-11-05T01:30"), ("２０２６-11-05 09:30", "2026-11-05T01:30"), ("11/6 中午12点", None),
        ("25:00", None), ("2026-02-30", None), ("soon", None), ("", None), ("14:00 or later", None), ("13:75", None),
    ],
)  # fmt: skip
def test_times(text: str, found: str | None) -> None:
    if found is None:
        with pytest.raises(NotUnderstood):
            moment(text, NOW, SHANGHAI)
    else:
        assert moment(text, NOW, SHANGHAI).strftime("%Y-%m-%dT%H:%M") == found


def test_times_are_of_the_zone() -> None:
    assert moment("2026-07-01 09:00", NOW, LONDON).hour == 8, "summer time"
    assert moment("今天 09:00", NOW, LONDON) == datetime(2026, 11, 4, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [("2026-11-05", "2026-11-05"), ("11-6", "2026-11-06"), ("昨天", "2026-11-04"), ("2026.1.2", "2026-01-02"),
     ("2026年11月5日", "2026-11-05"), ("today", "2026-11-05"), ("31-31", None), ("tomorrow 14:00", None)],
)  # fmt: skip
def test_days(text: str, found: str | None) -> None:
    today = date(2026, 11, 5)
    if found is None:
        with pytest.raises(NotUnderstood):
            day(text, today)
    else:
        assert day(text, today).isoformat() == found


@pytest.mark.parametrize(
    ("text", "past", "future", "either"),
    [
        ("12-31", "2025-12-31", "2026-12-31", "2026-12-31"), ("1-5", "2026-01-05", "2027-01-05", "2027-01-05"),
        ("11-5", "2026-11-05", "2026-11-05", "2026-11-05"), ("11-6", "2025-11-06", "2026-11-06", "2026-11-06"),
        ("11/4", "2026-11-04", "2027-11-04", "2026-11-04"), ("2月29日", "2024-02-29", "2028-02-29", "2028-02-29"),
        ("周四", "2026-10-29", "2026-11-12", "2026-11-12"), ("wed", "2026-11-04", "2026-11-11", "2026-11-11"),
        ("friday", "2026-10-30", "2026-11-06", "2026-11-06"), ("2030-01-05", "2030-01-05", "2030-01-05", "2030-01-05"),
        ("昨天", "2026-11-04", "2026-11-04", "2026-11-04"), ("2-30", None, None, None), ("0-5", None, None, None),
    ],
)  # fmt: skip
def test_a_day_without_a_year_lies_where_its_field_points(text: str, past: str | None, future: str | None, either: str | None) -> None:
    for when, found in ((When.PAST, past), (When.FUTURE, future), (When.EITHER, either)):
        if found is None:
            with pytest.raises(NotUnderstood):
                day(text, date(2026, 11, 5), when)
        else:
            assert day(text, date(2026, 11, 5), when).isoformat() == found, when
            assert moment(f"{text} 9:00", NOW, SHANGHAI, when).strftime("%Y-%m-%dT%H:%M") == f"{found}T01:00", when


@pytest.mark.parametrize(
    ("resource", "form", "member", "typed", "told"),
    [
        ("work-orders", "assign", "appointment_start", "1-5 9:00", "2027-01-05T01:00:00Z"),
        ("devices", "create", "purchased_on", "12-31", "2025-12-31"), ("devices", "update", "purchased_on", "12-31", "2025-12-31"),
        ("consents", "create", "stated_on", "12-31", "2025-12-31"), ("partners", "create", "expires_at", "1-5 9:00", "2027-01-05T01:00:00Z"),
        ("parties", "create", "contract_ends_on", "12-31", "2026-12-31"), ("payments", "list", "received_on", "12-31", "2025-12-31"),
        ("revisits", "list", "due_by", "12-31", "2026-12-31"), ("audit-log", "list", "since", "12-31", "2025-12-30T16:00:00Z"),
    ],
)  # fmt: skip
def test_fields_point_where_the_contract_says(resource: str, form: str, member: str, typed: str, told: str) -> None:
    known = Model.of_contracts().resources[resource]
    operation = known.actions.get(form) or getattr(known, form)
    fields = tuple(f for f in (operation.query if form == "list" else operation.body) if f.name == member)
    filled = Form(fields, {member: [typed]})
    assert (filled.body(lambda *_: None, NOW, SHANGHAI), filled.errors) == ({member: told}, {})


@pytest.mark.parametrize("text", ["0000-01-01", "0000-01-01 00:00Z", "0001-01-01 00:00", "9999-12-31 23:00", "9999-12-31T23:59:59-08:00",
                                  "0001-01-01T00:00:00+14:00", "2026-13-01 00:00Z", "2026-11-05T09:30:60Z", "2026-11-05 09:30+24:00",
                                  "２０２６-11-05T09:30:00Z", "31-12-9999 1:00"])  # fmt: skip
def test_what_no_calendar_has_is_not_understood(text: str) -> None:
    for zone_ in (SHANGHAI, LONDON, zone("Pacific/Pago_Pago"), zone("Pacific/Kiritimati")):
        with pytest.raises(NotUnderstood):
            moment(text, NOW, zone_)


@pytest.mark.parametrize(
    ("text", "found"),
    [("1,200", "1200.00"), ("¥ 1200.5", "1200.50"), ("1，200.05", "1200.05"), ("7.555", "7.555"), ("-3", "-3.00"), ("12元", "12.00"),
     ("1 200", "1200.00"), ("1'200.5", "1200.50"), ("１，２００．５", "1200.50"), ("￥1,234,567.89", "1234567.89"), ("1200 RMB", "1200.00"),
     (" 1,200 ", "1200.00"), (".5", "0.50"), ("5.", "5.00"), ("1\u00a0200", "1200.00")],
)  # fmt: skip
def test_amounts(text: str, found: str) -> None:
    assert amount(text) == found


@pytest.mark.parametrize("text", ["", "free", "NaN", "Infinity", "1.2.3", "--1", "1,50", "1，50", "1,2,3", "1,20,000", "12,34", "1,2345", ",5", "1,",
                                  "1.234,56", "1.2,345", "1234,567", "1 50", "1 2", "1,200 300", "1e3", "1_000", "0x10", "٣", "1 , 200", "1·5"])
def test_no_amounts(text: str) -> None:
    with pytest.raises(NotUnderstood):
        amount(text)
    with pytest.raises(NotUnderstood):
        number(text)


def test_numbers() -> None:
    assert number("1,200") == 1200 and number("1.5") == 1.5 and isinstance(number("3"), int)


@given(st.decimals(0, 9_999_999_999, places=2), st.sampled_from(",，' "), st.integers(0, 12))
def test_a_separator_never_changes_an_amount(value: Decimal, sign: str, place: int) -> None:
    """With separators where they belong it is the same amount; with one more anywhere it is not understood, never another amount."""
    written = f"{value:,.2f}".replace(",", sign)
    assert Decimal(amount(written)) == value
    more = f"{value:.2f}"
    more = more[:place] + sign + more[place:]
    if sign == " " and more.strip() != more:
        return
    try:
        found = Decimal(amount(more))
    except NotUnderstood:
        return
    assert found == value and more.index(sign) == len(more) - 7, more
