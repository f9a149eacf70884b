"""A small client of the suite's HTTP API: one kept connection per thread, sign-in, patience with a suite that restarts."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

IDLE_LIMIT = 2.0  # seconds: servers close idle connections, so an older one is opened anew instead of raced
AWAY = (502, 503, 504)  # a process is being started again
TRANSPORT_ERRORS = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Answer:
    """Status, headers (lower-case names) and raw body of one reply."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.raw) if self.raw else None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str | None:
        """The problem's permanent code, None where the body is no problem document."""
        if "problem+json" not in self.headers.get("content-type", ""):
            return None
        return self.json.get("code")


class ApiError(Exception):
    """A refused call of a caller that counted on success."""

    def __init__(self, method: str, path: str, answer: Answer) -> None:
        super().__init__(f"{method} {path}: {answer.status} {answer.raw[:1500].decode('utf-8', 'replace')}")
        self.answer = answer


class Api:
    """Calls below ``/api/v1`` of one suite as one user. Threads may share an instance.

    ``patience``: seconds a call is tried again while the suite is unreachable, restarting or asks to slow down. A write is
    only repeated under an idempotency key, so a repeated write is never a second one. ``tokens`` makes a fresh token
    where there is no password.
    """

    def __init__(
        self,
        base: str,
        username: str | None = None,
        password: str | None = None,
        *,
        token: str | None = None,
        tokens: Callable[[], str] | None = None,
        patience: float = 0.0,
        timeout: float = 60.0,
    ) -> None:
        parts = urlsplit(base)
        self.base, self.host, self.port = base, parts.hostname or "127.0.0.1", parts.port or 80
        self.username, self.password, self.token = username, password, token
        self.patience, self.timeout = patience, timeout
        self._tokens = tokens or (self._by_password if username is not None else None)
        self._local = threading.local()
        self._signing_in = threading.Lock()

    # -- calls -------------------------------------------------------------------------------------------------
    def get(self, path: str, **query: Any) -> Any:
        return self._expect("GET", path, query=query)

    def post(self, path: str, body: Any = None, key: str | None = None) -> Any:
        return self._expect("POST", path, {} if body is None else body, key=key or str(uuid.uuid4()))

    def put(self, path: str, body: Any, key: str | None = None) -> Any:
        return self._expect("PUT", path, body, key=key or str(uuid.uuid4()))

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, page after page."""
        query.setdefault("limit", 200)
        while True:
            page = self.get(path, **query)
            yield from page["items"]
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]

    def _expect(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = self.call(method, path, body, **options)
        if not answer.ok:
            raise ApiError(method, path, answer)
        return answer.json

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """One call, whatever its outcome. ``raw`` replaces the JSON body, ``headers`` win over the usual ones."""
        target = "/api/v1" + path
        given = {name: value for name, value in (query or {}).items() if value is not None}
        if given:
            target += "?" + urlencode(given)
        sent = {"Accept": "application/json", "Accept-Language": "en"}
        payload = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if payload is not None:
            sent["Content-Type"] = "application/json"
        if key is not None:
            sent["Idempotency-Key"] = key
        repeatable = method == "GET" or key is not None
        deadline = time.monotonic() + self.patience
        pause, renewed = 0.05, False
        while True:
            token = self._bearer()
            try:
                everything = {**sent, **({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
                answer = self.send(method, target, payload, everything, repeatable)
            except TRANSPORT_ERRORS:
                if not repeatable or time.monotonic() > deadline:
                    raise
            else:
                if answer.status == 401 and self._tokens and not renewed and "Authorization" not in (headers or {}):
                    renewed = True
                    self._forget(token)
                    continue
                retried = answer.status in AWAY or answer.status == 429
                if not retried or not repeatable or time.monotonic() > deadline:
                    return answer
                pause = max(pause, float(answer.headers.get("retry-after", 0)))
            time.sleep(pause)
            pause = min(pause * 2, 1.0)

    # -- sign-in -----------------------------------------------------------------------------------------------
    def _bearer(self) -> str | None:
        if self.token is None and self._tokens is not None:
            with self._signing_in:
                if self.token is None:
                    self.token = self._tokens()
        return self.token

    def _by_password(self) -> str:
        return str(self.sign_in()["access_token"])

    def _forget(self, token: str | None) -> None:
        with self._signing_in:
            if self.token == token:
                self.token = None

    def sign_in(self) -> dict[str, Any]:
        """Tokens for the user's password. Waits where the limit per address asks for it, and while the suite starts."""
        body = {"grant_type": "password", "username": self.username, "password": self.password}
        deadline = time.monotonic() + max(self.patience, 90.0)
        while True:
            try:
                answer = self.send(
                    "POST", "/api/v1/auth/token", json.dumps(body).encode(), {"Content-Type": "application/json"}, True
                )
            except TRANSPORT_ERRORS:
                if self.patience == 0 or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
                continue
            if answer.ok:
                return answer.json
            if (answer.status not in AWAY and answer.status != 429) or time.monotonic() > deadline:
                raise ApiError("POST", "/auth/token", answer)
            time.sleep(float(answer.headers.get("retry-after", 0.2)))

    # -- transport ---------------------------------------------------------------------------------------------
    def send(
        self, method: str, target: str, payload: bytes | None, headers: Mapping[str, str], repeatable: bool
    ) -> Answer:
        """One exchange on this thread's connection. A reused connection that turns out closed is opened anew once."""
        connection, used = self._connection()
        try:
            return self._exchange(connection, method, target, payload, headers)
        except TRANSPORT_ERRORS:
            self._drop()
            if not used or not repeatable:
                raise
        connection, _ = self._connection()
        try:
            return self._exchange(connection, method, target, payload, headers)
        except TRANSPORT_ERRORS:
            self._drop()
            raise

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        payload: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        connection.request(method, target, payload, dict(headers))
        reply = connection.getresponse()
        raw = reply.read()
        if reply.will_close:
            self._drop()
        self._local.last = time.monotonic()
        return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, raw)

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """This thread's connection, and whether it was used before (so may be closed from the other side by now)."""
        reused: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if reused is not None and time.monotonic() - self._local.last < IDLE_LIMIT:
            return reused, True
        self._drop()
        self._local.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        return self._local.connection, False

    def _drop(self) -> None:
        reused: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if reused is not None:
            reused.close()
            self._local.connection = None
