"""Figures as they are shown and typed: costs to their last decimal, nothing guessed, nothing promised that a field refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from console.contracts import Model
from console.fields import Field
from console.forms import Form
from console.i18n import LANGUAGES, Words, zone
from console.understand import NotUnderstood, decimal, number
from tests.unit.console.answers import Answers
from tests.unit.console.conftest import DOCUMENT, USER, Browser

NOW = datetime(2026, 11, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "cost"),
    [("9.9999", "9.9999"), ("10.0000", "10.00"), ("12.5", "12.50"), ("0.1230", "0.123"), ("1234.5678", "1,234.5678"), ("0.0001", "0.0001")],
)
def test_a_unit_cost_is_shown_to_its_last_decimal(value: str, cost: str) -> None:
    for language in LANGUAGES:
        assert Words(language).cost(value) == cost


def test_no_number_is_rounded_and_amounts_have_two_decimals() -> None:
    words = Words("en")
    assert words.number("9.9999") == "9.9999" and words.number(12) == "12" and words.number(0.125) == "0.125"
    assert words.amount("1234.5") == "1,234.50"


@pytest.mark.parametrize(
    ("text", "sent"),
    [("9.9999", "9.9999"), ("1.10", "1.10"), ("0.1234567890123456789", "0.1234567890123456789"), ("1,234.5678", "1234.5678"), ("¥ 12", "12"),
     ("１２．５元", "12.5"), ("1,50", None), ("1.234,5", None), ("1,2345", None), ("12,34,567", None), ("1e3", None), ("NaN", None)],
)  # fmt: skip
def test_a_typed_decimal_is_sent_as_it_was_typed_or_not_at_all(text: str, sent: str | None) -> None:
    form = Form((Field("unit_cost", "decimal"),), {"unit_cost": [text]})
    body = form.body(lambda *_: None, NOW, zone("Asia/Shanghai"))
    assert body.get("unit_cost") == sent
    assert form.errors == ({} if sent else {"unit_cost": "decimal_not_understood"})


@given(st.decimals(min_value=0, max_value=10**8, places=4))
def test_every_cost_arrives_as_the_same_decimal(value: Decimal) -> None:
    assert Decimal(decimal(f"{value:,}")) == value


def test_what_no_json_number_holds_is_not_understood() -> None:
    for text in ("9" * 30, "9" * 400 + ".5"):
        with pytest.raises(NotUnderstood):
            number(text)


def test_what_could_not_be_understood_has_words(browser: Browser, answers: Answers) -> None:
    answer = browser.post("/gadgets/new", {"cost": "1,50", "price": "1.234,5", "made_on": "soon", "due_at": "soon"})
    assert not answers.calls("POST", "/gadgets")
    assert answer.text.count("try 1,200.00 – a comma only parts groups of three digits") == 4, "in the summary and at both inputs"
    assert "try 2026-11-05 or yesterday" in answer.text and "try tomorrow 14:00" in answer.text
    assert 'value="1,50"' in answer.text and 'value="1.234,5"' in answer.text


def test_hints_follow_where_a_field_points(browser: Browser) -> None:
    page = browser.page("/gadgets/new")
    found = {name: _tag(page, name) for name in ("made_on", "due_at", "price", "cost")}
    assert {name: 'placeholder="' in tag and tag.split('placeholder="')[1].split('"')[0] for name, tag in found.items()} == {
        "made_on": "yesterday", "due_at": "tomorrow 14:00", "price": "1,200.00", "cost": "1,200.00",
    }  # fmt: skip


def test_only_conditions_on_what_may_be_to_come_point_ahead() -> None:
    found = {
        f.name.removesuffix("_from").removesuffix("_to")
        for resource in Model.of_contracts().resources.values()
        for f in resource.filters
        if f.kind in {"date", "datetime"} and not f.past
    }
    assert found == {
        "appointment_start", "appointment_end", "contract_ends_on", "due_by", "due_on", "expires_at", "former_secret_until", "next_at",
        "promised_at", "warranty_ends_on",
    }  # fmt: skip


def test_what_is_not_for_the_user_has_no_column(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/gadgets"] = (200, {"items": [DOCUMENT], "next_cursor": None})
    assert "col-cost" not in browser.page("/gadgets")
    assert "col-cost" not in browser.page(f"/row/gadgets/{DOCUMENT['id']}")
    answers.rules["GET", "/me"] = (200, {**USER, "username": "wu", "permissions": ["toys.*", "shop.cost.read"]})
    browser.client.set_cookie("aftersales_token", "access-2")
    answers.rules["GET", "/gadgets"] = (200, {"items": [{**DOCUMENT, "cost": "9.9999"}], "next_cursor": None})
    page = browser.page("/gadgets")
    assert "col-cost" in page and "9.9999" in page


def _tag(page: str, name: str) -> str:
    start = page.rindex("<input", 0, page.index(f'name="{name}"'))
    return page[start : page.index(">", start)]
