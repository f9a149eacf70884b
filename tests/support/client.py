"""The tests' client: the suite's own API client, with words for what a story expects and answers checked by contract."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from deploy.local.api import Answer as Answer, Api

T = TypeVar("T")
AnswerCheck = Callable[[str, str, Answer], None]
AT_ONCE = {"Prefer": "wait=0"}
"""Headers of a call that is refused whatever another service may still tell: the gate does not wait its 3 s."""


class Client(Api):
    """``check`` (method, path, answer) is called for every reply; scenario runs hand in the contract check."""

    def __init__(self, base: str, username: str | None = None, password: str | None = None, **options: Any) -> None:
        self.check: AnswerCheck | None = options.pop("check", None)
        super().__init__(base, username, password, **options)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        answer = super().call(method, path, body, **options)
        if self.check is not None:
            self.check(method, path, answer)
        return answer

    def created(self, path: str, body: Any, key: str | None = None) -> dict[str, Any]:
        """POST that must answer 201 with the whole document. A patient client repeats it, so it needs a key."""
        key = key or (uuid.uuid4().hex if self.patience else None)
        answer = self.call("POST", path, body, key=key)
        assert answer.status == 201, f"POST {path}: {answer.status} {answer.raw.decode()[:1500]}"
        document: dict[str, Any] = answer.json
        return document

    def refused(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int,
        code: str,
        members: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """A call that must be answered by a whole problem document with this status, code and these members."""
        answer = self.call(method, path, body, **options)
        return problem(answer, status, code, members or {}, f"{method} {path}")

    def invalid(self, method: str, path: str, body: Any, fields: Iterable[str], **options: Any) -> list[dict[str, str]]:
        """A call refused as validation_failed that names exactly these fields."""
        document = self.refused(method, path, body, status=400, code="validation_failed", **options)
        named = {error["field"] for error in document["errors"]}
        assert named == set(fields), f"{method} {path}: fields {document['errors']}"
        assert all(error["code"] for error in document["errors"])
        errors: list[dict[str, str]] = document["errors"]
        return errors


def problem(answer: Answer, status: int, code: str, members: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """The problem document of an answer, checked whole."""
    shown = f"{where}: {answer.status} {answer.raw.decode('utf-8', 'replace')[:1500]}"
    assert answer.status == status, f"{shown}\nexpected {status} {code}"
    assert answer.headers.get("content-type", "").startswith("application/problem+json"), f"{shown} {answer.headers}"
    document: dict[str, Any] = answer.json
    assert document["code"] == code, f"{shown}\nexpected {code}"
    assert document["status"] == status, shown
    for name in ("type", "title", "detail", "trace_id"):
        assert name in document, f"{shown}\n{name} is missing"
    assert document["title"] and document["trace_id"], shown
    for name, value in members.items():
        assert document.get(name) == value, f"{shown}\n{name}: expected {value!r}"
    return document


def eventually(probe: Callable[[], T], what: str, within: float = 15.0) -> T:
    """The first truthy value of ``probe``; what follows from an event may take a moment, never longer than ``within``."""
    deadline, pause = time.monotonic() + within, 0.02
    while not (value := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)
    return value
