"""Signing in and out, quiet renewal, CSRF, and what every answer carries."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Any

import pytest

from console import captcha
from console.account import safe_next
from console.gateway import Caller, Gateway
from console.session import Session
from tests.unit.console.answers import Answers, Asked
from tests.unit.console.conftest import DOCUMENT, ID, USER, Browser

TOKENS = {"access_token": "access-2", "refresh_token": "refresh-2", "token_type": "Bearer", "expires_in": 900}


def test_sign_in_keeps_tokens_from_scripts(visitor: Browser, answers: Answers) -> None:
    answers.rules["POST", "/auth/token"] = (200, TOKENS)
    answer = visitor.post("/sign-in", {"username": " li ", "password": " secret ", "next": f"/gadgets/{ID}"})
    assert (answer.status_code, answer.location) == (303, f"/gadgets/{ID}")
    sent = dict(answers.asked[-1].body)
    key, label = sent.pop("device_key"), sent.pop("device_label")
    assert sent == {"grant_type": "password", "username": "li", "password": " secret "}
    assert len(key) >= 32 and "Werkzeug" in label, "what tells this browser from others (G-22)"
    cookies = {c.split("=")[0]: c for c in answer.headers.getlist("Set-Cookie")}
    for name in ("aftersales_token", "aftersales_refresh", "aftersales_device"):
        assert (
            "HttpOnly" in cookies[name] and "SameSite=Lax" in cookies[name] and "Secure" not in cookies[name]
        )


def test_the_site_is_named_and_the_device_stays_the_same(visitor: Browser, answers: Answers) -> None:
    answers.rules["POST", "/auth/token"] = (200, TOKENS)
    for _ in range(2):
        visitor.post("/sign-in", {"username": "li", "password": "x", "org_unit_code": " SH01 "})
    first, second = (asked.body for asked in answers.asked if asked.path == "/auth/token")
    assert first["org_unit_code"] == "SH01" and first["device_key"] == second["device_key"]


def test_cookies_are_secure_behind_https(visitor: Browser, answers: Answers) -> None:
    answers.rules["POST", "/auth/token"] = (200, TOKENS)
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "console.example",
        "Origin": "https://console.example",
    }
    answer = visitor.post("/sign-in", {"username": "li", "password": "x"}, headers=headers)
    assert answer.status_code == 303
    assert all("Secure" in cookie for cookie in answer.headers.getlist("Set-Cookie"))


def test_wrong_password_is_told_with_its_count(visitor: Browser, answers: Answers) -> None:
    refusal = {
        "title": "Sign in first",
        "code": "unauthenticated",
        "failures": 2,
        "limit": 5,
        "trace_id": "t",
    }
    answers.rules["POST", "/auth/token"] = (401, refusal)
    answer = visitor.post("/sign-in", {"username": "li", "password": "what I typed"})
    assert answer.status_code == 401 and 'value="li"' in answer.text and "what I typed" not in answer.text
    assert "2" in answer.text and "5" in answer.text and "用户名或密码不正确" in answer.text and "Sign in first" not in answer.text


def test_pages_ask_to_sign_in_and_lead_back(visitor: Browser) -> None:
    answer = visitor.get("/gadgets?state=open")
    assert answer.status_code == 303 and answer.location == "/sign-in?next=/gadgets?state%3Dopen"
    assert (
        visitor.get("/gadgets", headers={"HX-Request": "true"}).headers["HX-Redirect"]
        == "/sign-in?next=/gadgets"
    )


def test_expired_token_is_renewed_unseen(browser: Browser, answers: Answers) -> None:
    def me(asked: Asked) -> tuple[int, Any]:
        fresh = asked.headers["Authorization"] == "Bearer access-2"
        return (200, USER) if fresh else (401, {"code": "unauthenticated"})

    answers.rules["GET", "/me"] = me
    answers.rules["POST", "/auth/token"] = (200, TOKENS)
    answer = browser.get("/gadgets")
    assert answer.status_code == 200 and "GD26110001" in answer.text
    assert answers.calls("POST", "/auth/token")[0].body == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-1",
    }
    assert any(c.startswith("aftersales_token=access-2") for c in answer.headers.getlist("Set-Cookie"))


def test_a_long_token_is_kept_in_two_cookies(visitor: Browser, answers: Answers) -> None:
    """Browsers drop one above 4 KB and say nothing: a manager's token, with all his rights, is longer."""
    long = "x" * 5000
    answers.rules["POST", "/auth/token"] = (200, {**TOKENS, "access_token": long})
    answer = visitor.post("/sign-in", {"username": "li", "password": "secret", "next": "/gadgets"})
    kept = {c.split("=")[0]: c for c in answer.headers.getlist("Set-Cookie")}
    parts = [kept[name].split(";")[0].partition("=")[2] for name in ("aftersales_token", "aftersales_token_2")]
    assert "".join(parts) == long and max(map(len, kept.values())) < 4096 and "HttpOnly" in kept["aftersales_token_2"]
    visitor.get("/gadgets")
    assert answers.asked[-1].headers["Authorization"] == f"Bearer {long}"
    answers.rules["POST", "/auth/token"] = (200, TOKENS)
    visitor.post("/sign-in", {"username": "li", "password": "secret", "next": "/gadgets"})
    visitor.get("/gadgets")
    assert answers.asked[-1].headers["Authorization"] == "Bearer access-2", "nothing of the long one stays"


def test_a_write_is_not_lost_when_the_token_expires(browser: Browser, answers: Answers) -> None:
    browser.page("/gadgets")

    def created(asked: Asked) -> tuple[int, Any]:
        fresh = asked.headers["Authorization"] == "Bearer access-2"
        return (201, DOCUMENT) if fresh else (401, {"code": "unauthenticated"})

    answers.rules["POST", "/gadgets"] = created
    answers.rules["POST", "/auth/token"] = (200, TOKENS)
    assert browser.post("/gadgets/new", {"name": "Saw", "price": "1"}).status_code == 303
    first, second = answers.calls("POST", "/gadgets")
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


def test_refused_renewal_signs_out(browser: Browser, answers: Answers) -> None:
    answers.rules["GET", "/me"] = (401, {"code": "unauthenticated"})
    answers.rules["POST", "/auth/token"] = (401, {"code": "unauthenticated"})
    answer = browser.get("/gadgets")
    assert answer.status_code == 303 and answer.location.startswith("/sign-in")
    assert any(c.startswith("aftersales_refresh=;") for c in answer.headers.getlist("Set-Cookie"))


@pytest.mark.parametrize("path", ["/gadgets", "/sign-in?next=/gadgets"])
@pytest.mark.parametrize(("asked_by", "removed"), [("navigate", True), ("cors", False), ("same-origin", False)])
def test_what_a_script_asked_takes_no_cookies_away(browser: Browser, answers: Answers, path: str, asked_by: str, removed: bool) -> None:
    """Its answer may come when the browser has another session's already."""
    answers.rules["GET", "/me"] = (401, {"code": "unauthenticated"})
    answers.rules["POST", "/auth/token"] = (401, {"code": "unauthenticated"})
    answer = browser.get(path, headers={"Sec-Fetch-Mode": asked_by})
    assert (answer.status_code == 200) is path.startswith("/sign-in"), "the page to sign in, without the user's name"
    assert any(c.startswith("aftersales_refresh=;") for c in answer.headers.getlist("Set-Cookie")) is removed


def test_what_is_typed_outlives_the_session(visitor: Browser) -> None:
    answer = visitor.post("/gadgets/new", {"name": "Saw"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["X-Signed-Out"], answer.headers["HX-Reswap"]) == (401, "1", "none")
    assert "HX-Redirect" not in answer.headers
    assert visitor.get("/gadgets", headers={"HX-Request": "true"}).headers["HX-Redirect"].startswith("/sign-in?next=")


def test_one_renewal_for_pages_loading_together(answers: Answers) -> None:
    """A refresh token works once; a second use would end the session."""
    answers.rules["POST", "/auth/token"] = (200, TOKENS)
    gateway = Gateway(answers.url)
    sessions = [Session(gateway, Caller(), "refresh-together") for _ in range(5)]
    threads = [threading.Thread(target=session.renew) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers.calls("POST", "/auth/token")) == 1
    assert {session.caller.token for session in sessions} == {"access-2"}


def test_sign_out_ends_the_session_at_the_gateway(browser: Browser, answers: Answers) -> None:
    answers.rules["POST", "/auth/logout"] = (200, {"ended": True})
    answer = browser.post("/sign-out")
    assert answer.location == "/sign-in" and answers.calls("POST", "/auth/logout")
    assert browser.get("/gadgets").status_code == 303


def test_a_password_that_must_change_comes_first(visitor: Browser, answers: Answers) -> None:
    answers.rules["POST", "/auth/token"] = (200, {**TOKENS, "must_change_password": True})
    answers.rules["GET", "/me"] = (200, {**USER, "must_change_password": True})
    assert visitor.post("/sign-in", {"username": "li", "password": "x"}).location.startswith("/password")
    answers.rules["GET", "/gadgets"] = (403, {"code": "password_change_required", "trace_id": "t"})
    assert visitor.get("/gadgets").location == "/password"
    answers.rules["POST", "/auth/password"] = (
        422,
        {"code": "old_wrong", "title": "The old one is wrong", "trace_id": "t"},
    )
    answer = visitor.post("/password", {"old_password": "a", "new_password": "b", "confirm": "b"})
    assert (
        answer.status_code == 422
        and 'id="f-old_password-wrong"' in answer.text
        and 'value="b"' not in answer.text
    )
    answers.rules["POST", "/auth/password"] = (200, TOKENS)
    answer = visitor.post(
        "/password", {"old_password": "a", "new_password": "b", "confirm": "b", "next": "/gadgets"}
    )
    assert answer.location == "/gadgets"


@pytest.mark.parametrize(
    "spoil", ["none", "foreign secret", "foreign signature", "other site", "other origin"]
)
def test_forms_of_other_sites_are_refused(browser: Browser, answers: Answers, spoil: str) -> None:
    token, headers = browser.token(), {}
    if spoil == "none":
        token = ""
    elif spoil == "foreign secret":
        browser.client.set_cookie("aftersales_csrf", "x" * 43)
    elif spoil == "foreign signature":
        token = token[:-4] + "0000"
    elif spoil == "other site":
        headers = {"Sec-Fetch-Site": "cross-site"}
    else:
        headers = {"Origin": "https://evil.example"}
    answer = browser.client.post(f"/gadgets/{ID}/open", data={"csrf_token": token}, headers=headers)
    assert answer.status_code == 403 and not answers.calls("POST", f"/gadgets/{ID}/open")


@pytest.mark.parametrize(
    ("target", "kept"),
    [("/gadgets?x=1", True), ("//evil.example", False), ("https://evil.example", False), ("/\\evil.example", False),
     ("javascript:alert(1)", False), ("", False), ("/ok\r\nSet-Cookie: x", False)],
)  # fmt: skip
def test_only_own_addresses_to_go_on_to(target: str, kept: bool) -> None:
    assert safe_next(target) == (target if kept else "/")


def test_every_answer_is_guarded(browser: Browser) -> None:
    for path in ("/sign-in?again", "/gadgets", f"/gadgets/{ID}", "/nothing"):
        headers = browser.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert (
            "script-src 'self';" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        )
        assert (
            headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "private, no-store"
        )


def test_pages_hold_no_inline_script_or_style(browser: Browser) -> None:
    for path in ("/sign-in?again", "/gadgets", f"/gadgets/{ID}", "/gadgets/new", "/shortcuts", "/password"):
        page = browser.page(path)
        assert (
            page.count("<script") == page.count("<script src=")
            and "style=" not in page
            and " onclick" not in page
        )
        assert "http://" not in page and "https://" not in page, "nothing from elsewhere"


def test_preferences_stay_with_the_browser(browser: Browser) -> None:
    browser.post("/preferences", {"language": "zh-CN", "theme": "dark", "next": "/gadgets"})
    assert '<html lang="zh-CN" data-theme="dark">' in browser.page("/gadgets")
    browser.post("/preferences", {"language": "tlh", "theme": "pink", "next": "/gadgets"})
    assert '<html lang="zh-CN" data-theme="dark">' in browser.page("/gadgets")


def test_the_picture_is_asked_for_after_failures(visitor: Browser, answers: Answers) -> None:
    refusal = {"title": "Wrong", "code": "unauthenticated", "trace_id": "t"}
    answers.rules["POST", "/auth/token"] = (401, refusal)
    name, page = secrets.token_hex(8), ""
    for _ in range(captcha.PER_NAME):
        page = visitor.post("/sign-in", {"username": name, "password": "bad"}).text
    assert 'name="captcha"' in page and "data:image/svg+xml" in page
    answers.rules["POST", "/auth/token"] = (200, TOKENS)
    asked = len(answers.calls("POST", "/auth/token"))
    answer = visitor.post("/sign-in", {"username": name, "password": "good"})
    assert answer.status_code == 401 and len(answers.calls("POST", "/auth/token")) == asked, "not even tried"
    assert visitor.post("/sign-in", {"username": "another", "password": "good"}).status_code == 303
    known = captcha._token("12345")
    wrong = visitor.post(
        "/sign-in", {"username": name, "password": "good", "challenge": known, "captcha": "54321"}
    )
    assert wrong.status_code == 401
    again = visitor.post(
        "/sign-in", {"username": name, "password": "good", "challenge": known, "captcha": "12345"}
    )
    assert again.status_code == 401, "a challenge is good for one try"
    fresh = {"username": name, "password": "good", "challenge": captcha._token("12345"), "captcha": "12 345"}
    assert visitor.post("/sign-in", fresh).status_code == 303
    assert not captcha.wanted(name, "127.0.0.1"), "success resets the count"


def test_a_challenge_ends_and_cannot_be_made_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    old = captcha._token("11111")
    monkeypatch.setattr(captcha.time, "time", lambda: time.time_ns() / 1e9 + captcha.GOOD_FOR + 1)
    assert not captcha.passed(old, "11111")
    assert not captcha.passed("9999999999.nonce." + "0" * 64, "11111") and not captcha.passed("", "")


def test_every_digit_can_be_drawn() -> None:
    picture = captcha._svg("0123456789")
    assert picture.count("<polyline") >= 10 and "text" not in picture


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (None, "zh-CN"), ("", "zh-CN"), ("en", "en"), ("en-GB,en;q=0.9", "en"), ("zh-TW,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("de-DE,de;q=0.9,en;q=0.8,zh;q=0.3", "en"), ("fr", "zh-CN"), ("zh-Hans-CN;q=0.4, EN-us;q=0.7", "en"), ("*;q=x, ;;", "zh-CN"),
    ],
)  # fmt: skip
def test_the_language_follows_the_browser_until_one_is_chosen(visitor: Browser, asked: str | None, language: str) -> None:
    headers = {} if asked is None else {"Accept-Language": asked}
    assert f'<html lang="{language}"' in visitor.page("/sign-in?again", headers=headers)
    for chosen in ("zh-CN", "en"):
        visitor.post("/preferences", {"language": chosen}, headers=headers)
        assert f'<html lang="{chosen}"' in visitor.page("/sign-in?again", headers=headers), "the own choice holds"
