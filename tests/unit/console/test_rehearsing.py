"""Buttons that would be refused are grey with the reason, whatever document it is."""

from __future__ import annotations

import pytest

from console import screen
from tests.unit.console.answers import Answers
from tests.unit.console.conftest import DOCUMENT, ID, Browser

REFUSED = {"title": "Not now", "detail": "The parts are not there yet", "code": "insufficient_stock", "trace_id": "t"}
OPEN = ("POST", f"/gadgets/{ID}/open")


@pytest.mark.parametrize(("detail", "words"), [("The parts are not there yet", "The parts are not there yet"), ("insufficient_stock", "Not now"), ("配件不足", "配件不足")])
def test_what_would_be_refused_is_grey_with_the_reason(browser: Browser, answers: Answers, detail: str, words: str) -> None:
    answers.rules[OPEN] = (409, {**REFUSED, "detail": detail})
    page = browser.get(f"/gadgets/{ID}").text
    assert 'aria-describedby="gate-open"' in page and words in page
    (asked,) = answers.calls(*OPEN)
    assert asked.headers["Dry-Run"] == "true", "nothing is done by looking"


@pytest.mark.parametrize("answer", [(200, DOCUMENT), (404, {"code": "not_found"}), (400, {"code": "validation_failed"}), (503, {"code": "unavailable"})])
def test_what_cannot_be_tried_is_left_to_the_press(browser: Browser, answers: Answers, answer: tuple[int, dict[str, object]]) -> None:
    answers.rules[OPEN] = answer
    page = browser.get(f"/gadgets/{ID}").text
    assert 'data-action="open"' in page and "is-shut" not in page


def test_what_asks_for_something_is_not_tried(browser: Browser, answers: Answers) -> None:
    browser.get(f"/gadgets/{ID}")
    assert {asked.path for asked in answers.asked if asked.method == "POST"} == {OPEN[1]}


# -- an action that seldom needs its form ------------------------------------------------------------------------------
COUNT = ("POST", f"/gadgets/{ID}/count")
UNCOUNTED = (422, {**REFUSED, "code": "serial_count", "lines": [{"of": "bearings", "quantity": 2}]})


@pytest.fixture
def counted(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(screen.screens(), "asks_when_refused", ["gadgets.count"])
    answers.rules["GET", f"/gadgets/{ID}"] = (200, {**DOCUMENT, "allowed_actions": ["count"]})


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("answer", [(200, DOCUMENT), UNCOUNTED])
def test_the_button_does_what_seldom_needs_its_form(browser: Browser, answers: Answers, answer: tuple[int, dict[str, object]]) -> None:
    answers.rules[COUNT] = answer
    page = browser.get(f"/gadgets/{ID}").text
    assert f'action="/gadgets/{ID}/count"' in page and "is-shut" not in page


@pytest.mark.usefixtures("counted")
def test_it_is_grey_where_input_would_not_help(browser: Browser, answers: Answers) -> None:
    answers.rules[COUNT] = (409, REFUSED)
    assert 'aria-describedby="gate-count"' in browser.get(f"/gadgets/{ID}").text


@pytest.mark.usefixtures("counted")
def test_a_refusal_for_want_of_input_shows_the_form_begun(browser: Browser, answers: Answers) -> None:
    answers.rules[COUNT] = UNCOUNTED
    shown = browser.post(f"/gadgets/{ID}/count", {})
    assert shown.status_code == 422
    assert 'name="lines-0-of"' in shown.text and 'value="bearings"' in shown.text
    browser.post(f"/gadgets/{ID}/count", {"lines-0-of": "bearings", "lines-0-count": "2"})
    assert answers.calls(*COUNT)[-1].body == {"lines": [{"of": "bearings", "count": 2}]}
