"""What the clients were promised: every write that was answered with success, and what its answer said.

Clients are told apart from the suite by this book alone: it is kept here, in the memory of who called, and held against
the databases at the end (``verdict.py``).
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.support.client import Answer, Client
from tests.support.company import Company

AGAIN = 0.05
"""Share of accepted writes that a client sends a second time, as one does whose answer got lost behind a proxy."""
SIGN_IN = 10.0  # seconds


@dataclass(frozen=True)
class Promise:
    """One accepted write."""

    user: str
    path: str
    key: str
    status: int
    document: dict[str, Any]


@dataclass
class Book:
    """``unanswered``: writes nobody knows the outcome of; ``contradictions``: a repeated write that was answered anew."""

    promises: dict[tuple[str, str, str], Promise] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    writes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _dice: random.Random = field(default_factory=random.Random)

    def note(self, user: str, path: str, key: str, answer: Answer) -> None:
        if not answer.ok:
            return
        promise = Promise(user, path, key, answer.status, answer.json or {})
        with self._lock:
            before = self.promises.setdefault((user, path, key), promise)
        if before is not promise and before.document != promise.document and not _confirmed_later(before, promise):
            self.contradictions.append(f"POST {path}: answered {before.document} and then {promise.document}")

    def again(self) -> bool:
        with self._lock:
            self.writes += 1
            return self._dice.random() < AGAIN


def _confirmed_later(first: Promise, then: Promise) -> bool:
    """What waited for another service's word (a cancel, a quick job) may be answered with its end, once that has come."""
    waits = first.path.endswith(("/cancel", "/quick-jobs"))
    same = first.document.get("id") == then.document.get("id")
    return waits and same and first.document["version"] < then.document["version"]


class BookedClient(Client):
    """Writes go into the book. ``timeout`` is short: a client that gets no answer asks again under the same key."""

    def __init__(self, base: str, username: str | None = None, password: str | None = None, **options: Any) -> None:
        self.book: Book = options.pop("book")
        options.setdefault("timeout", 8.0)
        super().__init__(base, username, password, **options)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        if method != "POST":
            return self._signed_in(method, path, body, options)
        key = options["key"] = options.get("key") or uuid.uuid4().hex
        try:
            answer = self._signed_in(method, path, body, options)
            self.book.note(str(self.username), path, key, answer)
            if answer.ok and self.book.again():
                self.book.note(str(self.username), path, key, self._signed_in(method, path, body, options))
        except Exception:
            self.book.unanswered.append(path)
            raise
        if answer.status >= 500:
            self.book.unanswered.append(path)
        return answer

    def _signed_in(self, method: str, path: str, body: Any, options: dict[str, Any]) -> Answer:
        """While the clocks of gateway and service jump one after the other, a new token may not be believed at once."""
        deadline = time.monotonic() + SIGN_IN
        while (answer := super().call(method, path, body, **options)).status == 401 and time.monotonic() < deadline:
            time.sleep(0.5)
        return answer

    def created(self, path: str, body: Any, key: str | None = None) -> dict[str, Any]:
        """What others must have heard of first is asked for again: workers start later than what answers requests."""
        key, deadline = key or uuid.uuid4().hex, time.monotonic() + self.patience
        while (answer := self.call("POST", path, body, key=key)).code == "unknown_reference" and time.monotonic() < deadline:
            time.sleep(0.2)
        assert answer.status == 201, f"POST {path}: {answer.status} {answer.raw.decode()[:1500]}"
        document: dict[str, Any] = answer.json
        return document


class BookedCompany(Company):
    """All its people write into the administrator's book."""

    def client(self, username: str, password: str = "") -> Client:
        from tests.support.company import PASSWORD

        admin = self.admin
        assert isinstance(admin, BookedClient)
        return BookedClient(admin.base, username, password or PASSWORD, book=admin.book, patience=admin.patience)
