"""Acting for a unit (G-21) and the locked screen (G-03): which tokens are used when, and what is refused meanwhile."""

from __future__ import annotations

import pytest

from tests.unit.console.answers import Answers
from tests.unit.console.conftest import ID, USER, Browser

OTHER = {"access_token": "acting-1", "refresh_token": "acting-refresh", "token_type": "Bearer", "expires_in": 900}
OWN = {"access_token": "access-9", "refresh_token": "refresh-9", "token_type": "Bearer", "expires_in": 900}
LOCK = ("POST", "/auth/lock"), (200, {"locked": True})
WRONG = {"title": "Wrong", "code": "unauthenticated", "failures": 2, "limit": 5, "trace_id": "t"}


def cookie(browser: Browser, name: str) -> str | None:
    found = browser.client.get_cookie(name)
    return found.value if found else None


def test_acting_keeps_the_way_back(browser: Browser, answers: Answers) -> None:
    answers.rules["POST", "/auth/act-for"] = (200, OTHER)
    answer = browser.post("/act-for", {"org_unit_code": "SH01", "reason": "because"})
    assert (answer.status_code, answers.asked[-1].body) == (303, {"org_unit_code": "SH01", "reason": "because"})
    assert (cookie(browser, "aftersales_token"), cookie(browser, "aftersales_own")) == ("acting-1", "refresh-1")

    answers.rules["GET", "/me"] = (200, {**USER, "acting_for": "SH01"})
    page = browser.page("/gadgets")
    assert 'class="acting"' in page and "SH01" in page and "/act-for/end" in page
    assert browser.get("/act-for").status_code == 404, "one at a time"

    answers.rules["POST", "/auth/logout"] = (200, {"ended": True})
    answers.rules["POST", "/auth/token"] = (200, OWN)
    assert browser.post("/act-for/end").status_code == 303
    asked = [(one.path, one.body.get("refresh_token")) for one in answers.asked if one.method == "POST"]
    assert asked[-2:] == [("/auth/logout", None), ("/auth/token", "refresh-1")]
    assert (cookie(browser, "aftersales_token"), cookie(browser, "aftersales_own")) == ("access-9", None)


def test_signing_out_while_acting_ends_both_sessions(browser: Browser, answers: Answers) -> None:
    browser.client.set_cookie("aftersales_own", "refresh-1")
    answers.rules["POST", "/auth/logout"] = (200, {"ended": True})
    answers.rules["POST", "/auth/token"] = (200, OWN)
    assert browser.post("/sign-out").status_code == 303
    assert [one.path for one in answers.asked if one.method == "POST"] == ["/auth/logout", "/auth/token", "/auth/logout"]
    assert not any(cookie(browser, f"aftersales_{name}") for name in ("token", "refresh", "own"))


def test_a_locked_screen_shows_nothing_and_does_nothing(browser: Browser, answers: Answers) -> None:
    answers.rules.update([LOCK])
    csrf = browser.token("/gadgets")
    assert browser.client.post("/lock", data={"csrf_token": csrf, "next": "/gadgets"}).location == "/locked?next=/gadgets"
    assert (answers.asked[-1].method, answers.asked[-1].path) == LOCK[0], "the session is locked, not this browser alone"
    before = len(answers.asked)
    for path in ("/gadgets?state=open", f"/gadgets/{ID}", "/export/gadgets.csv", "/pick/gadgets", "/password", "/act-for", "/"):
        answer = browser.get(path)
        assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/locked"), path
    assert browser.get("/gadgets", headers={"HX-Request": "true"}).status_code == 204
    assert browser.client.post(f"/gadgets/{ID}/open", data={"csrf_token": csrf}).location.startswith("/locked")
    assert len(answers.asked) == before, "the gateway was asked nothing"
    assert USER["name"] in browser.page("/locked")


@pytest.mark.parametrize("sheet", [True, False])
def test_only_the_password_unlocks(browser: Browser, answers: Answers, sheet: bool) -> None:
    answers.rules.update([LOCK])
    csrf = browser.token("/gadgets")
    browser.client.post("/lock", data={"csrf_token": csrf})
    headers = {"X-Sheet": "1"} if sheet else {}
    form = {"csrf_token": csrf, "password": "p", "next": "/gadgets"}
    answers.rules["POST", "/auth/unlock"] = (401, WRONG)
    wrong = browser.client.post("/unlock", data=form, headers=headers)
    assert wrong.status_code == 401 and "attempt 2" in wrong.text and ("<html" in wrong.text) is not sheet
    assert cookie(browser, "aftersales_refresh") == "refresh-1", "a wrong password is no session that is over"
    assert cookie(browser, "aftersales_locked") == "1"
    answers.rules["POST", "/auth/unlock"] = (200, {"unlocked": True})
    right = browser.client.post("/unlock", data=form, headers=headers)
    assert (right.status_code, right.location) == ((204, None) if sheet else (303, "/gadgets"))
    assert browser.get("/gadgets").status_code == 200


@pytest.mark.parametrize("sheet", [True, False])
def test_the_last_wrong_password_signs_out(browser: Browser, answers: Answers, sheet: bool) -> None:
    answers.rules.update([LOCK])
    csrf = browser.token("/gadgets")
    browser.client.post("/lock", data={"csrf_token": csrf})
    answers.rules["POST", "/auth/unlock"] = (423, {"title": "Locked", "code": "account_locked", "limit": 5, "trace_id": "t"})
    answer = browser.client.post("/unlock", data={"csrf_token": csrf, "password": "p"}, headers={"X-Sheet": "1"} if sheet else {})
    assert (answer.headers.get("X-Leave") if sheet else answer.location) == "/sign-in"
    assert not any(cookie(browser, f"aftersales_{name}") for name in ("token", "refresh", "locked"))


def test_what_the_gateway_holds_locked_is_locked_in_every_browser(browser: Browser, answers: Answers) -> None:
    """The cookie is a hint: without it the pages do not come either, and the password is asked for."""
    answers.rules["GET", "/gadgets"] = (423, {"title": "Locked", "code": "screen_locked", "trace_id": "t"})
    answer = browser.get("/gadgets?state=open")
    assert (answer.status_code, answer.location, cookie(browser, "aftersales_locked")) == (303, "/locked?next=/gadgets?state%3Dopen", "1")
