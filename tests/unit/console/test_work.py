"""Badges of work lists: one answer for the page, what the user may read, asked for once for all who see the same."""

from __future__ import annotations

import pytest

from console import work
from console.screen import screens
from tests.unit.console.answers import Answers
from tests.unit.console.conftest import USER, Browser


@pytest.fixture(autouse=True)
def lists(monkeypatch: pytest.MonkeyPatch) -> None:
    work._counts._rows.clear()
    monkeypatch.setitem(screens(), "work", {"gadgets": {"state": "open", "made_by": "today"}, "gadget-makers": {}})


def test_one_answer_counts_all_lists_and_is_shared(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/gadgets"] = (200, {"items": [], "total": 120})
    answers.rules["GET", "/gadget-makers"] = (200, {"items": [], "total": 7})
    for _ in range(3):
        assert browser.get("/work").json == {"gadgets": 120, "gadget-makers": 7}
    [asked] = answers.calls("GET", "/gadgets")
    assert len(asked.query.pop("made_by")) == 10 and asked.query == {"state": "open", "limit": "1", "total": "true"}
    page = browser.page("/gadgets")
    assert 'data-work="gadgets"' in page and "data-work-list" in page


def test_only_for_those_with_the_right_and_none_for_outside(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/gadgets"] = (200, {"items": [], "total": 3})
    answers.rules["GET", "/me"] = (200, {**USER, "permissions": ["toys.gadget.read"]})
    assert browser.get("/work").json == {"gadgets": 3} and not answers.calls("GET", "/gadget-makers")
    assert 'data-work="gadget-makers"' not in browser.page("/gadgets")


def test_another_scope_is_counted_anew(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/gadgets"] = answers.rules["GET", "/gadget-makers"] = (200, {"items": [], "total": 3})
    browser.get("/work")
    answers.rules["GET", "/me"] = (200, {**USER, "org_path": "/HQ/B1/"})
    browser.client.set_cookie("aftersales_token", "access-2")
    browser.get("/work")
    assert len(answers.calls("GET", "/gadgets")) == 2


def test_what_one_session_could_not_count_is_not_kept_for_others(browser: Browser, answers: Answers) -> None:
    """A locked screen is refused everywhere; whoever stands beside him is not."""
    answers.rules["GET", "/gadgets"] = answers.rules["GET", "/gadget-makers"] = (423, {"code": "screen_locked"})
    browser.get("/work")
    answers.rules["GET", "/gadgets"] = answers.rules["GET", "/gadget-makers"] = (200, {"items": [], "total": 3})
    assert browser.get("/work").json == {"gadgets": 3, "gadget-makers": 3}
