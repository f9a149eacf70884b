"""The console looks a number up in the whole company (R-06): offered where a list has nobody with it; who is found is taken in."""

from __future__ import annotations

import pytest

from console.contracts import Model
from tests.unit.console.answers import Answers
from tests.unit.console.conftest import ID, OTHER, USER, Browser

AGENT = {**USER, "org_path": "/HQ/B1/S1/", "permissions": ["callcenter.customer.*"]}
FOUND = [
    {"id": ID, "name": "赵云", "phone": "+86138****8000", "linked": False},
    {"id": OTHER, "name": "马超", "phone": None, "linked": True},
]


@pytest.fixture
def agent(browser: Browser, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setitem(browser.client.application.extensions, "console.model", Model.of_contracts())
    answers.rules |= {
        ("GET", "/me"): (200, AGENT),
        ("GET", "/customers"): (200, {"items": [], "next_cursor": None}),
        ("POST", "/customer-lookups"): (200, {"items": FOUND}),
        ("POST", f"/customers/{ID}/take-in"): (200, {"id": ID}),
    }
    return browser


def test_a_list_without_the_number_offers_it(agent: Browser, answers: Answers) -> None:
    page = agent.page("/customers?phone=13800138000")
    assert 'action="/customers/look-up"' in page and 'value="13800138000"' in page
    assert "data-look-up" not in agent.page("/customers?q=x")
    answers.rules[("GET", "/me")] = (200, {**AGENT, "permissions": ["callcenter.customer.read"]})
    agent.client.set_cookie("aftersales_token", "access-2")
    assert "data-look-up" not in agent.page("/customers?phone=13800138000")


def test_who_is_found_is_shown_in_part_and_taken_in(agent: Browser, answers: Answers) -> None:
    page = agent.post("/customers/look-up", {"phone": "138 0013 8000"}).text
    assert [asked.body for asked in answers.calls("POST", "/customer-lookups")] == [{"phone": "138 0013 8000"}]
    assert "赵云" in page and "+86138****8000" in page
    assert f'action="/customers/{ID}/look-up/take-in"' in page and f'href="/customers/{OTHER}"' in page
    assert f"/customers/{OTHER}/look-up/take-in" not in page, "is the unit's already"
    taken = agent.post(f"/customers/{ID}/look-up/take-in")
    assert (taken.status_code, taken.headers["location"]) == (303, f"/customers/{ID}")
    assert len(answers.calls("POST", f"/customers/{ID}/take-in")) == 1


def test_nobody_and_refusals_are_said(agent: Browser, answers: Answers) -> None:
    assert 'name="phone"' in agent.page("/customers/look-up")
    answers.rules[("POST", "/customer-lookups")] = (200, {"items": []})
    assert "Nobody in the company" in agent.post("/customers/look-up", {"phone": "1"}).text
    answers.rules[("POST", "/customer-lookups")] = (429, {"code": "rate_limited", "title": "Too many requests", "trace_id": "t"})
    assert "Too many requests" in agent.post("/customers/look-up", {"phone": "1"}).text
