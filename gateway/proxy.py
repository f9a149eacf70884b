"""The hop to a service or the console: one kept pool of connections, answers streamed through.

Requests are read whole before they are sent on (they are bounded, see limits.py), so that what is too large never reaches a
service in part, and what could not be delivered can be sent again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from chassis.domain.errors import Unavailable
from chassis.ops import failpoints

log = logging.getLogger("aftersales.gateway.proxy")
Headers = list[tuple[bytes, bytes]]

# Meant for one hop only (RFC 9110 7.6.1), or made anew by this one.
HOP = frozenset((
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
))  # fmt: skip
REPLACED = HOP | {
    "content-length", "dry-run", "expect", "forwarded", "traceparent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proof",
    "x-forwarded-proto", "x-request-id",
}  # fmt: skip
PATIENCE = 3.0
"""Seconds a service may need to come back when a process of it was just replaced."""
_PAUSE, _LONGEST_PAUSE = 0.02, 0.25
IDLE = 30.0
"""Seconds an idle connection is kept: shorter than the servers do, so that they do not close it under a request."""
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=2.0, sock_read=90.0)
REFUSED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError, aiohttp.ServerTimeoutError)


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that was read to its end."""

    status: int
    headers: Headers
    body: bytes


class Gone(Exception):
    """The answer broke off after its head had been sent on: the connection must be cut, not ended."""


class Proxy:
    """Client of the upstreams. Made in the event loop, closed with it."""

    def __init__(self) -> None:
        self._client = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE, ttl_dns_cache=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=TIMEOUT,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        await self._client.close()

    async def forward(
        self, upstream: str, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes, receive: Any, send: Any
    ) -> int:
        """Sends the request to ``upstream`` and the answer to the caller; the answer's status. Raises Unavailable while
        nothing has been answered, Gone after."""
        sent = list(headers)
        async with await self._ask(URL(upstream.rstrip("/") + target, encoded=True), method, sent, body) as answer:
            failpoints.hit("gateway.answered", method, target)
            streamed = "content-length" not in answer.headers
            head = {"type": "http.response.start", "status": answer.status, "headers": _returned(answer.raw_headers)}
            await send(head)
            try:
                if streamed:
                    await while_connected(_pump(answer, send), receive)
                else:
                    await _pump(answer, send)
            except BROKEN as error:
                raise Gone(str(error)) from error
            return answer.status

    async def fetch(
        self, upstream: str, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> Whole:
        """The whole answer, for who makes another one of it. Raises Unavailable."""
        url = URL(upstream.rstrip("/") + target, encoded=True)
        async with await self._ask(url, method, list(headers), body) as answer:
            try:
                return Whole(answer.status, _returned(answer.raw_headers), await answer.read())
            except BROKEN as error:
                raise self._unavailable(url, error) from error

    async def _ask(self, url: URL, method: str, headers: list[tuple[str, str]], body: bytes) -> aiohttp.ClientResponse:
        """The answer's head. What never reached the upstream is tried again for 3 s; what may have reached it only when
        doing it twice does no harm: reading, or a write with an idempotency key."""
        repeatable = method in ("GET", "HEAD") or any(name.lower() == "idempotency-key" for name, _ in headers)
        deadline, pause = time.monotonic() + PATIENCE, _PAUSE
        while True:
            try:
                return await self._client.request(
                    method, url, headers=headers, data=body or None, allow_redirects=False
                )
            except REFUSED as error:
                failure: Exception = error
            except BROKEN as error:
                if not repeatable or isinstance(error, aiohttp.ServerTimeoutError):
                    raise self._unavailable(url, error) from error
                failure = error
            if time.monotonic() + pause > deadline:
                raise self._unavailable(url, failure) from failure
            await asyncio.sleep(pause)
            pause = min(pause * 1.6, _LONGEST_PAUSE)

    def _unavailable(self, url: URL, error: Exception) -> Unavailable:
        log.warning("no answer from %s:%s: %s", url.host, url.port, type(error).__name__)
        return Unavailable()


def passed_on(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Headers of a request that go on to the upstream."""
    named = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    return [(name, value) for name, value in headers.items() if name not in REPLACED and name not in named]


def _returned(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    pairs = [(name.lower(), value) for name, value in headers]
    named = {part.strip().lower() for name, value in pairs if name == b"connection" for part in value.decode("latin-1").split(",")}
    named |= {*HOP, "date"}  # our own server says the date
    return [(name, value) for name, value in pairs if name.decode("latin-1") not in named]


async def _pump(answer: aiohttp.ClientResponse, send: Any) -> None:
    async for chunk in answer.content.iter_any():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def while_connected(work: Coroutine[Any, Any, None], receive: Any) -> None:
    """An answer without a known end is given up when its reader has gone."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(receive))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
