"""One POST to somebody else's address: to the very network address that was judged, bounded in time and size, never redirected."""

from __future__ import annotations

import asyncio
import email.utils
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.webhooks.addresses import PORTS, Policy
from gateway.webhooks.errors import WebhookAddress

TIMEOUT = aiohttp.ClientTimeout(total=15.0, sock_connect=5.0)
EXCERPT_SECONDS, EXCERPT_BYTES, EXCERPT_LENGTH = 2.0, 2048, 500
GONE = 410
Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True)
class Answer:
    """``status`` None: there was none, ``error`` says why. ``retry_after``: seconds the receiver asks to be left alone."""

    status: int | None = None
    error: str | None = None
    excerpt: str | None = None
    retry_after: float | None = None
    milliseconds: int = 0

    @property
    def received(self) -> bool:
        return self.error is None


class Refused(OSError):
    """A connection to an address that may not be called."""


async def system_resolve(host: str, port: int) -> list[str]:
    """Addresses of a name, as the machine's resolver gives them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard(AbstractResolver):
    """Names are resolved here alone, and a name with one address that may not be called is none that may: what is given to
    the connector is what was judged, and the connector asks nobody again."""

    def __init__(self, policy: Policy, scheme: str, resolve: Resolve) -> None:
        self._policy, self._scheme, self._resolve = policy, scheme, resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._resolve(host, port)
        if not self._admits(addresses):
            raise Refused("an address of this name may not be called")
        kind = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind[":" in address], proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]  # fmt: skip

    def _admits(self, addresses: list[str]) -> bool:
        return all(self._policy.admits(address, self._scheme) for address in addresses)

    async def close(self) -> None:
        pass


class Client:
    """Made in the event loop, closed with it. ``resolve`` and ``trust`` are for tests: another resolver, other roots."""

    def __init__(
        self, policy: Policy, resolve: Resolve = system_resolve, trust: ssl.SSLContext | None = None,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:  # fmt: skip
        self._policy = policy
        self._sessions = {scheme: self._session(scheme, resolve, trust, timeout) for scheme in PORTS}

    def _session(
        self, scheme: str, resolve: Resolve, trust: ssl.SSLContext | None, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientSession:  # fmt: skip
        """One a scheme: where a connection may lead depends on whether it is encrypted."""

        def opened(info: Any) -> socket.socket:
            """The last gate, and the only way to a connection: also for addresses that stood in the URL itself."""
            family, kind, protocol, _, address = info
            if not self._policy.admits(str(address[0]), scheme):
                raise Refused("this address may not be called")
            return socket.socket(family, kind, protocol)

        return aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(
                limit=0, force_close=True, use_dns_cache=False, resolver=Guard(self._policy, scheme, resolve),
                ssl=trust or True, socket_factory=opened,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            headers={"User-Agent": "aftersales-webhooks/1", "Accept": "*/*", "Accept-Encoding": "identity"},
        )  # fmt: skip

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Never raises for what the other side does."""
        began = time.monotonic()
        answer = await self._post(url, {**headers, "Content-Type": "application/json"}, body)
        return replace(answer, milliseconds=int((time.monotonic() - began) * 1000))

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        try:
            self._policy.check(url)
            async with self._sessions[urlsplit(url).scheme].post(url, headers=headers, data=body, allow_redirects=False) as response:
                return await _read(response)
        except (WebhookAddress, Refused):
            return Answer(error="address_refused")
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError):
            return Answer(error="tls")
        except TimeoutError:
            return Answer(error="timeout")
        except aiohttp.ClientConnectorError as error:
            unknown = isinstance(error, aiohttp.ClientConnectorDNSError)
            refused = isinstance(error.os_error, Refused)
            return Answer(error="address_refused" if refused else "name" if unknown else "connection")
        except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError):
            return Answer(error="connection")


async def _read(response: aiohttp.ClientResponse) -> Answer:
    """The status decides; of a refusal's body a little is read, for a moment."""
    if 200 <= response.status < 300:
        return Answer(response.status)
    error = "redirect" if 300 <= response.status < 400 else "status"
    excerpt = None
    try:
        async with asyncio.timeout(EXCERPT_SECONDS):
            excerpt = printable(await response.content.read(EXCERPT_BYTES))
    except (TimeoutError, aiohttp.ClientError):
        pass  # the status is known; the rest was a courtesy
    return Answer(response.status, error, excerpt, retry_after(response.headers.get("Retry-After")))


def printable(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else " " for sign in text)[:EXCERPT_LENGTH].strip()


def retry_after(given: str | None, now: datetime | None = None) -> float | None:
    """Seconds; the header is a number of them or a date (RFC 9110 10.2.3). None when it is neither."""
    if given is None:
        return None
    if given.strip().isascii() and given.strip().isdigit():
        return float(given.strip()[:9])
    try:
        at = email.utils.parsedate_to_datetime(given)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
