"""A TCP proxy that can cut, stall and refuse connections between the suite and a server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import uvloop

Address = tuple[str, int]
RESET = struct.pack("ii", 1, 0)  # close with RST, as a machine does that has forgotten the connection


class Proxy:
    """Listens on a free port of this machine and connects every caller to the first of ``upstreams`` that answers, beginning
    with another one each time. Runs in a thread of its own."""

    def __init__(self, upstreams: Sequence[Address]) -> None:
        self.upstreams = list(upstreams)
        self.port = 0
        self._turn = 0
        self._refusing = False
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = uvloop.new_event_loop()
        self._flows = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="proxy")
        self._thread.start()
        self._ready.wait(10)

    # -- what can be done to the connections -------------------------------------------------------------------
    def cut(self) -> int:
        """Resets every connection; how many there were."""
        return self._do(self._cut)

    def stall(self, stalled: bool) -> None:
        """Nothing passes, and nobody is told."""
        self._do(self._flows.clear if stalled else self._flows.set)

    def refuse(self, refusing: bool) -> None:
        """Nobody gets in, and who was in is thrown out."""
        self._refusing = refusing
        if refusing:
            self.cut()

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    def _do(self, work: Callable[[], Any]) -> Any:
        async def done() -> Any:
            return work()

        coroutine: Coroutine[Any, Any, Any] = done()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    # -- in the thread -----------------------------------------------------------------------------------------
    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._flows.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    def _cut(self) -> int:
        writers = list(self._open)
        for writer in writers:
            _reset(writer)
        return len(writers) // 2

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = None if self._refusing else await self._connect()
        if found is None:
            return _reset(writer)
        there, back = found
        both = {writer, back}
        self._open |= both
        pumps = [asyncio.ensure_future(self._pump(reader, back)), asyncio.ensure_future(self._pump(there, writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        self._open -= both
        for one in both:
            with contextlib.suppress(Exception):
                one.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        self._turn += 1
        for index in range(len(self.upstreams)):
            host, port = self.upstreams[(self._turn + index) % len(self.upstreams)]
            with contextlib.suppress(OSError, TimeoutError):
                return await asyncio.wait_for(asyncio.open_connection(host, port), 2.0)
        return None

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    peer = writer.get_extra_info("socket")
    with contextlib.suppress(Exception):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
