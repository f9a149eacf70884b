"""One file from several services' lists (C-04): an operation whose contract says ``x-collects`` answers with what its own service
says, followed by all pages of the lists named there, each under the caller's own token and right.

The services do not call each other for it, and the gateway knows nothing of what is in the lists. Memory holds one page at a
time. What breaks off after the head was sent is cut, so that half a file never looks like a whole one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson

from chassis.domain.principal import Principal
from chassis.ops.settings import settings
from gateway.proxy import Gone, Proxy, while_connected
from gateway.routing import Route, Table

if TYPE_CHECKING:
    from gateway.front import Exchange

API = "/api/v1"
PAGE = 200
READER = ("authorization", "accept-language", "traceparent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id")
"""Headers of a caller that go along with every list; the others belong to his write."""
Headers = list[tuple[str, str]]
Part = tuple[str, str, Route]
"""Member of the file, path with its filter, and where that list is."""


def parts(table: Table, route: Route, raw_path: str, principal: Principal) -> list[Part]:
    """The lists to be appended. Forbidden when the caller may not read one of them: he would take a part for the whole."""
    given = dict(zip(route.path.split("/"), raw_path.split("/"), strict=True))
    found = []
    for member, template in route.collects.items():
        path = template
        for name, value in given.items():
            if name.startswith("{"):
                path = path.replace(name, value)
        listed = table.match("GET", API + path.partition("?")[0])
        principal.require(listed.permission)
        found.append((member, API + path, listed))
    return found


async def serve(exchange: Exchange, route: Route, lists: list[Part], proxy: Proxy, headers: Headers, body: bytes) -> None:
    """The operation's own answer as it is when it refuses, else the file."""
    sent = [(name, value) for name, value in headers if name != "accept-encoding"]
    own = await proxy.fetch(settings().upstream(route.service), exchange.method, exchange.target, sent, body)
    if own.status >= 300:
        await exchange.send({"type": "http.response.start", "status": own.status, "headers": own.headers})
        await exchange.send({"type": "http.response.body", "body": own.body})
        return
    name = route.path.partition("/{")[0].rsplit("/", 1)[-1]
    disposition = f'attachment; filename="{name}.json"'.encode()
    kind = [(b"content-type", b"application/json"), (b"content-disposition", disposition)]
    await exchange.send({"type": "http.response.start", "status": own.status, "headers": kind})
    reader = [(name, value) for name, value in sent if name in READER]

    async def sending() -> None:
        async for chunk in _file(own.body, lists, proxy, reader):
            await exchange.send({"type": "http.response.body", "body": chunk, "more_body": True})
        await exchange.send({"type": "http.response.body", "body": b""})

    await while_connected(sending(), exchange.receive)


async def _file(own: bytes, lists: list[Part], proxy: Proxy, headers: Headers) -> AsyncIterator[bytes]:
    """The own answer, a JSON object, is left open at its end for the lists."""
    yield own.rstrip().removesuffix(b"}")
    for member, path, listed in lists:
        yield b',"' + member.encode() + b'":['
        between = b""
        async for items in _pages(path, listed, proxy, headers):
            for item in items:
                yield between + orjson.dumps(item)
                between = b","
        yield b"]"
    yield b"}\n"


async def _pages(path: str, listed: Route, proxy: Proxy, headers: Headers) -> AsyncIterator[list[Any]]:
    cursor: str | None = ""
    while cursor is not None:
        query = urlencode({"limit": PAGE, **({"cursor": cursor} if cursor else {})})
        page = await proxy.fetch(settings().upstream(listed.service), "GET", f"{path}&{query}", headers, b"")
        if page.status != 200:
            raise Gone(f"{listed.operation_id} answered {page.status}")
        answer = orjson.loads(page.body)
        yield answer["items"]
        cursor = answer["next_cursor"]

