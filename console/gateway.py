"""The gateway's HTTP API as the console uses it: JSON over kept-alive connections, one per thread, short
timeouts."""

from __future__ import annotations

import http.client
import select
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from console.contracts import API

TIMEOUT = 10.0  # a gate on another service's fact may wait 3 s behind the gateway
CHUNK = 64 * 1024


class Problem(Exception):
    """An answer that is not 2xx: the problem document, or one of our own when there is none."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {document.get('code', '')}")
        self.status = status
        self.document = dict(document)

    @property
    def code(self) -> str:
        return str(self.document.get("code") or ("unavailable" if self.status >= 502 else "internal_error"))

    @property
    def trace_id(self) -> str:
        return str(self.document.get("trace_id") or "")


@dataclass(frozen=True)
class Caller:
    """On whose behalf a call is made, and what every call of this page carries."""

    token: str = ""
    language: str = "zh-CN"
    traceparent: str = ""
    address: str = ""
    proof: str = ""
    """The gateway's own word that the page was asked for from this address; without it the address is only ours."""

    def headers(self) -> dict[str, str]:
        named = {
            "Accept-Language": self.language,
            "Authorization": self.token and f"Bearer {self.token}",
            "traceparent": self.traceparent,
            "X-Forwarded-For": self.address,
            "X-Forwarded-Proof": self.proof,
        }
        return {key: value for key, value in named.items() if value}


class Gateway:
    """Client of one gateway; safe to share between threads."""

    def __init__(self, base: str, timeout: float = TIMEOUT) -> None:
        split = urlsplit(base if "//" in base else f"//{base}")
        self.secure = split.scheme == "https"
        self.host, self.port = split.hostname or "127.0.0.1", split.port
        self.prefix = split.path.rstrip("/")
        self.timeout = timeout
        self._local = threading.local()

    def call(
        self,
        method: str,
        path: str,
        caller: Caller,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        upload: tuple[bytes, str] | None = None,
    ) -> Any:
        """The answer's JSON (None when empty). ``upload``: body and content type of a form with a file, in
        place of a JSON body. Raises Problem for anything but 2xx, also when nobody answers."""
        payload = None if body is None else orjson.dumps(body)
        sent = self._headers(caller, headers, payload)
        if upload is not None:
            payload, sent["Content-Type"] = upload
        status, _, raw = self._send(method, self._target(path, query), payload, sent)
        document = _json(raw)
        if 200 <= status < 300:
            return document
        raise Problem(status, document if isinstance(document, dict) else {})

    def stream(
        self, path: str, caller: Caller, query: Mapping[str, Any], body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[dict[str, str], Iterator[bytes]]:
        """A file being made while it is sent: headers and chunks, on a connection of its own. ``body``: asked for by a write."""
        connection = self._connect()
        payload = None if body is None else orjson.dumps(body)
        method = "GET" if payload is None else "POST"
        try:
            connection.request(method, self._target(path, query), payload, self._headers(caller, headers, payload))
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Problem(503, {"code": "unavailable"}) from error
        if response.status != 200:
            document = _json(response.read())
            connection.close()
            raise Problem(response.status, document if isinstance(document, dict) else {})

        def chunks() -> Iterator[bytes]:
            try:
                while chunk := response.read(CHUNK):
                    yield chunk
            finally:
                connection.close()

        return {name.lower(): value for name, value in response.getheaders()}, chunks()

    def _target(self, path: str, query: Mapping[str, Any] | None) -> str:
        known = {k: v for k, v in (query or {}).items() if v not in (None, "")}
        return f"{self.prefix}{API}{path}" + (f"?{urlencode(known, doseq=True)}" if known else "")

    @staticmethod
    def _headers(caller: Caller, extra: Mapping[str, str] | None, payload: bytes | None) -> dict[str, str]:
        own = {"Accept": "application/json, application/problem+json", **caller.headers(), **(extra or {})}
        return {**own, "Content-Type": "application/json"} if payload is not None else own

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=self.timeout)

    def _send(
        self, method: str, target: str, payload: bytes | None, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One exchange. A reused connection that the other side has closed is not used again, so that nothing is sent into
        it (a sign-in after a quiet spell). One that is closed just then is opened anew, once; what might have been carried
        out already is only sent again under an idempotency key."""
        reused: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if reused is not None and _closed(reused):
            reused.close()
            reused = None
        for connection in [c for c in (reused, self._connect()) if c]:
            try:
                connection.request(method, target, payload, headers)
                response = connection.getresponse()
                raw = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._local.connection = None
                gone = isinstance(
                    error, http.client.RemoteDisconnected | ConnectionError | http.client.CannotSendRequest
                )
                repeatable = method == "GET" or "Idempotency-Key" in headers
                if connection is reused and gone and repeatable:
                    continue
                raise Problem(503, {"code": "unavailable"}) from error
            self._local.connection = connection
            return response.status, response.headers, raw
        raise AssertionError("the last connection answers or raises")


def _closed(connection: http.client.HTTPConnection) -> bool:
    """Whether an idle connection was closed by the other side: nothing else makes it readable."""
    if connection.sock is None:
        return True
    watch = select.poll()
    watch.register(connection.sock, select.POLLIN)
    return bool(watch.poll(0))


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        return None
