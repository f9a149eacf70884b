"""One HTTP application in one process, on a socket that somebody else bound; it ends without leaving a caller in the rain."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from chassis.http.edge import TARGET

if TYPE_CHECKING:
    from gateway.limits import Connections

LINGER = 0.3
"""Seconds in which an ending process still answers what was on its way when it stopped accepting."""


HEAD_SECONDS = 15.0
"""Seconds a connection may take to say what it wants, from its opening or from the first byte of its next request."""
LONGEST_HEAD = 65_536
"""Bytes of request line and headers, give or take one read."""
STALL_SECONDS = 60.0
"""Seconds a reader may take nothing of an answer that waits for him."""
PARTING_SECONDS = 2.0
"""Seconds in which a caller who was answered before he had said all may notice it; then the connection is cut."""
UNFINISHED = "aftersales.unfinished"
"""In the scope: whether the request's end is still to come."""


class Guarded(HttpToolsProtocol):
    """uvicorn waits for a head for ever, takes one of any length, and keeps an answer until it is read. Callers who are slow on
    purpose are cut off here, so that they hold nothing; what a slow line needs stays."""

    crowds: ClassVar[Connections | None] = None
    """Who counts the connections of each address, where somebody does."""
    _entered: str | None = None
    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _parting: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0
    _beside = 0
    """Bytes since the last of head or body: what chunks say of themselves, and trailers."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if self.crowds is not None:
            peer = transport.get_extra_info("peername")
            self._entered = self.crowds.enter(str(peer[0]) if peer else "")
            if self._entered is None:
                transport.abort()
                return
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.crowds is not None:
            if self._entered is None:
                return  # never let in
            self.crowds.leave(self._entered)
        self._head_came()
        self._reader_came()
        if self._parting is not None:
            self._parting.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._parting is not None:
            return  # the rest of a request that was answered already: never a next one
        if self._head is not None:
            self._head_bytes += len(data)
            if self._head_bytes > LONGEST_HEAD + len(data):
                self.transport.close()
                return
        self._beside += len(data)
        super().data_received(data)
        if self._beside > LONGEST_HEAD + len(data):
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # what comes behind a body is nobody's header (RFC 9110 6.5.1)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_came()
        self._in_head, self._beside = False, 0
        before = self.cycle
        scope = cast("dict[str, Any]", self.scope)  # whose members of our own its type does not know
        scope[TARGET] = self.url
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.transport = Farewell(self, self.transport, self.cycle)  # type: ignore[assignment]
            scope[UNFINISHED] = lambda cycle=self.cycle: cycle.more_body

    def on_body(self, body: bytes) -> None:
        self._beside = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._beside = 0
        super().on_message_complete()

    def part(self) -> None:
        """Closes, but first takes for a moment what the caller still sends: else the system would throw away the answer with it
        (RFC 9112 9.6)."""
        if self._parting is None and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self.flow.resume_reading()
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self._parting = self.loop.call_later(PARTING_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._reader_came()
        super().resume_writing()

    def _await_head(self) -> None:
        if self._head is None:
            self._head_bytes = 0
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_came(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _reader_came(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


class Farewell:
    """The transport as one request's answer sees it: it ends differently while the request has not ended itself."""

    def __init__(self, connection: Guarded, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        self._connection, self._transport, self._cycle = connection, transport, cycle
        self.write, self.is_closing = transport.write, transport.is_closing

    def close(self) -> None:
        if self._cycle.more_body:
            self._connection.part()
        else:
            self._transport.close()


def protocol(name: str) -> type[Guarded]:
    """What reads the connections of a process. At the gateway, where strangers come in, one address has so many at a time."""
    if name != "gateway":
        return Guarded
    from gateway.limits import Connections

    return counted(Connections.of(os.environ))


def counted(connections: Connections) -> type[Guarded]:
    return type("Counted", (Guarded,), {"crowds": connections})


class Server(uvicorn.Server):
    """uvicorn closes connections on which it has not read a request yet the moment it ends, and a request may just be
    arriving there. So between closing the door and ending it answers on, and tells each caller not to come back."""

    linger = LINGER

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await asyncio.sleep(self.linger)
        await super().shutdown(sockets)


def server(app: Any, **options: Any) -> Server:
    """``options`` are uvicorn's."""
    return of(uvicorn.Config(app, **options))


def of(config: uvicorn.Config) -> Server:
    """A server of an application that was configured but not loaded yet."""
    app = config.app
    config.app = _polite(app, lambda: made.should_exit)
    made = Server(config)
    return made


def _polite(app: Any, ending: Callable[[], bool]) -> Any:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        unfinished = scope.get(UNFINISHED, bool)

        async def say(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start" and (ending() or unfinished()):
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await app(scope, receive, say if scope["type"] == "http" else send)

    return answer
