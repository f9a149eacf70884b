"""The client of the gateway: connections kept, opened anew when gone, nothing written twice."""

from __future__ import annotations

import time

import pytest

from console.gateway import Caller, Gateway, Problem
from tests.unit.console.answers import DROPPED, Answers

WHO = Caller("token", "en", "00-11-22-01", "192.0.2.7", "1.ab")


def test_says_who_asks(answers: Answers) -> None:
    answers.rules["GET", "/things"] = (200, {"items": []})
    Gateway(answers.url).call("GET", "/things", WHO, query={"q": "张 & co", "empty": "", "none": None})
    asked = answers.asked[0]
    assert asked.query == {"q": "张 & co"}
    named = {
        k: asked.headers[k] for k in ("Authorization", "Accept-Language", "traceparent", "X-Forwarded-For", "X-Forwarded-Proof")
    }
    assert list(named.values()) == ["Bearer token", "en", "00-11-22-01", "192.0.2.7", "1.ab"]


def test_a_closed_connection_is_opened_anew(answers: Answers) -> None:
    answers.rules["GET", "/things"] = (200, {"n": 1})
    answers.rules["POST", "/things"] = (201, {"n": 2})
    answers.hangs_up = True
    gateway = Gateway(answers.url)
    for _ in range(3):
        assert gateway.call("GET", "/things", WHO) == {"n": 1}
    assert gateway.call("POST", "/things", WHO, body={}, headers={"Idempotency-Key": "k"}) == {"n": 2}
    assert len(answers.calls("POST", "/things")) == 1


def test_a_write_after_a_quiet_spell_is_sent_once(answers: Answers) -> None:
    """The other side hangs up on idle connections: a sign-in has no key, and must not be told that nobody is there."""
    answers.rules["POST", "/things"] = (201, {})
    answers.hangs_up = True
    gateway = Gateway(answers.url)
    for _ in range(2):
        gateway.call("POST", "/things", WHO, body={})
        time.sleep(0.2)
    assert len(answers.calls("POST", "/things")) == 2


def test_a_write_without_key_is_not_repeated(answers: Answers) -> None:
    answers.rules["POST", "/things"] = lambda asked: (201 if len(answers.calls("POST", "/things")) == 1 else DROPPED, {})
    gateway = Gateway(answers.url)
    gateway.call("POST", "/things", WHO, body={})
    with pytest.raises(Problem) as refused:
        gateway.call("POST", "/things", WHO, body={})
    assert refused.value.status == 503 and len(answers.calls("POST", "/things")) == 2


def test_nobody_there(answers: Answers) -> None:
    url = answers.url
    answers.server.server_close()
    with pytest.raises(Problem) as refused:
        Gateway(url, timeout=0.5).call("GET", "/things", WHO)
    assert (refused.value.status, refused.value.code) == (503, "unavailable")


def test_an_answer_that_is_no_problem_document(answers: Answers) -> None:
    answers.rules["GET", "/things"] = (502, b"<html>bad gateway</html>")
    with pytest.raises(Problem) as refused:
        Gateway(answers.url).call("GET", "/things", WHO)
    assert refused.value.code == "unavailable"
