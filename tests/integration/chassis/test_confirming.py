"""Answers that another has to confirm: committed first, waited for after, once per key whatever dies meanwhile."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import pytest

from chassis.http import runtime
from tests.integration.chassis.conftest import Shelf
from tests.integration.chassis.test_http import book
from tests.integration.chassis.test_kept_answers import change


@pytest.fixture
def made(shelf: Shelf) -> dict[str, Any]:
    document: dict[str, Any] = shelf.call("POST", "/books", book(price="1.00")).json()
    return document


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def told(shelf: Shelf, made: dict[str, Any], word: str, after: float = 0.3) -> threading.Timer:
    """The other's event, in a moment."""
    timer = threading.Timer(after, lambda: change(shelf, made["id"], title=word))
    timer.start()
    return timer


def asked(shelf: Shelf, made: dict[str, Any], verb: str = "bind", wait: float | None = None, **headers: str) -> Any:
    prefer = {} if wait is None else {"Prefer": f"wait={wait}"}
    return shelf.call("POST", f"/books/{made['id']}/{verb}", {}, headers={**prefer, **headers})


def price(shelf: Shelf, made: dict[str, Any]) -> str:
    return str(shelf.call("GET", f"/books/{made['id']}").json()["price"])


def test_what_was_saved_is_there_while_its_end_is_waited_for(shelf: Shelf, made: dict[str, Any]) -> None:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(asked(shelf, made)))
    thread.start()
    deadline = time.monotonic() + 10
    while price(shelf, made) != "2.00":
        assert time.monotonic() < deadline
    assert not answers, "saved, and not answered yet"
    change(shelf, made["id"], title="bound")
    thread.join()
    assert (answers[0].status_code, answers[0].json()["title"]) == (200, "bound")


def test_without_it_in_time_what_stands_is_the_answer(shelf: Shelf, made: dict[str, Any]) -> None:
    for wait in (0, 1):
        began = time.monotonic()
        answer = asked(shelf, made, wait=wait)
        assert (answer.status_code, answer.json()["title"]) == (200, "A") and wait <= time.monotonic() - began < wait + 1


def test_one_key_is_one_request_however_often_its_end_is_asked_for(shelf: Shelf, made: dict[str, Any]) -> None:
    same = key()
    assert asked(shelf, made, wait=0, **same).json()["title"] == "A"
    timer = told(shelf, made, "bound")
    ended = asked(shelf, made, **same)
    timer.join()
    assert (ended.json()["title"], ended.json()["price"]) == ("bound", "2.00")
    change(shelf, made["id"], title="lost")
    assert asked(shelf, made, **same).content == ended.content, "kept as it ended"
    assert price(shelf, made) == "2.00"


def test_a_refusal_is_told_and_the_request_may_be_made_anew(shelf: Shelf, made: dict[str, Any]) -> None:
    same, timer = key(), told(shelf, made, "torn")
    refused = asked(shelf, made, **same)
    timer.join()
    assert (refused.status_code, refused.json()["field"]) == (422, "cover")
    change(shelf, made["id"], title="bound")
    assert asked(shelf, made, **same).json()["price"] == "3.00"


def test_a_refusal_that_came_while_nobody_asked(shelf: Shelf, made: dict[str, Any]) -> None:
    same = key()
    asked(shelf, made, wait=0, **same)
    change(shelf, made["id"], title="torn")
    assert asked(shelf, made, **same).json()["code"] == "unknown_reference"


@pytest.mark.parametrize(("word", "status"), [(None, 422), ("late", 200)])
def test_when_time_is_over_it_may_be_given_up(shelf: Shelf, made: dict[str, Any], word: str | None, status: int) -> None:
    same, timer = key(), told(shelf, made, word, 0.1) if word else None
    answer = asked(shelf, made, "borrow", wait=1, **same)
    assert timer is None or timer.join() is None
    assert answer.status_code == status, answer.text
    now = shelf.call("GET", f"/books/{made['id']}").json()
    assert now["title"] == (word or "given up"), "committed before it is refused"
    change(shelf, made["id"], title="bound")
    again = asked(shelf, made, "borrow", **same)
    assert again.json()["price"] == ("2.00" if word else "3.00"), "what was refused is a new request"


def test_a_dry_run_waits_for_nobody(shelf: Shelf, made: dict[str, Any]) -> None:
    began = time.monotonic()
    answer = asked(shelf, made, **{"Dry-Run": "true"})
    assert (answer.status_code, answer.json()["price"]) == (200, "2.00") and time.monotonic() - began < 2.5
    assert price(shelf, made) == "1.00"


def test_who_waits_is_counted_and_too_many_are_answered_at_once(shelf: Shelf, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "WAITING_LIMIT", 2)
    began, answers = time.monotonic(), shelf.together([("POST", f"/books/{made['id']}/bind", {}, {"Prefer": "wait=1"}) for _ in range(6)])
    assert {answer.status_code for answer in answers} == {200} and time.monotonic() - began < 4
    assert shelf.app.runtime.waiting == 0 and price(shelf, made) == "7.00"
