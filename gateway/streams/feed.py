"""`GET /streams/me`: every process hears of new stream events from the database and fans them out to its own readers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import or_, select, text

from chassis.db.statements import Cache
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Unavailable
from chassis.domain.principal import Principal
from chassis.http.runtime import Runtime
from gateway.streams.stream_event import CHANNEL, StreamEvent

HEARTBEAT = 15.0
LONGEST = 12 * 3600.0
"""A stream outlives its access token while its session lives, but ends some time: readers connect again and resume."""
PAGE = 500
RIGHTS = {"work_order.changed": "orders.work_order.read"}
"""Whoever may not read the document is not told of it either."""
QUEUE = 1000
"""Events a slow reader may lag behind before its stream is ended; it resumes from the last id it has read."""
_FORGOTTEN = "(SELECT position FROM stream_marks WHERE name = 'forgotten')"
_POSITION = f"SELECT greatest((SELECT max(id) FROM stream_events), {_FORGOTTEN}, 0)"
_EXTENT = text(
    f"SELECT coalesce({_FORGOTTEN}, 0) AS begins,"
    f" greatest((SELECT max(id) FROM stream_events), {_FORGOTTEN}, 0) AS ends"
)
_NEWER = (
    "SELECT id, array_remove(ARRAY[org_path, held_path, bound_path], NULL), audience, customer_id::text, dealer_id::text, kind, data::text"
    " FROM stream_events WHERE id > %s ORDER BY id LIMIT %s"
)
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(eq=False)
class Reader:
    """One open stream. ``None`` in the queue ends it."""

    principal: Principal
    epoch: int
    queue: asyncio.Queue[tuple[int, bytes] | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    ended: bool = False

    def sees(self, kind: str, paths: Sequence[str], audience: str | None, *parties: str | None) -> bool:
        """``paths``: the owner's, the holder's, the addressee's. ``parties``: whose order it is about, and through whom it came; an outside account sees its own party's only (G-10)."""
        scope = self.principal.scope
        if self.principal.is_outside and self.principal.party not in parties:
            return False
        mine = audience in (None, self.principal.username)
        return bool(scope) and any(path.startswith(scope) for path in paths) and mine and kind not in withheld(self.principal)

    def put(self, id: int, message: bytes) -> None:
        try:
            self.queue.put_nowait((id, message))
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        self.ended = True
        if self.queue.empty():
            self.queue.put_nowait(None)


class Hub:
    """Subscriber of the stream's channel; readers of this process."""

    channel = CHANNEL

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._readers: set[Reader] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fetched: int | None = None  # listener's thread
        self.position: int | None = None  # event loop: everything up to here was given to the readers

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    # ------------------------------------------------------------------ listener's thread
    def connected(self, cursor: Any) -> None:
        if self._fetched is None:
            cursor.execute(_POSITION)
            self._fetched = int(cursor.fetchone()[0])
            self._in_loop(self._begin, self._fetched)
        else:
            self.heard((), cursor)

    def heard(self, news: Sequence[str], cursor: Any) -> None:
        more = True
        while more and self._fetched is not None:
            cursor.connection.send(cursor, _NEWER, (self._fetched, PAGE), Cache.PLANNED)
            rows = cursor.fetchall()
            if rows:
                self._fetched = rows[-1][0]
                self._in_loop(self._publish, rows)
            more = len(rows) == PAGE

    def _in_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    # ------------------------------------------------------------------ event loop
    def _begin(self, position: int) -> None:
        self.position = position

    def _publish(self, rows: Sequence[tuple[int, list[str], str | None, str | None, str | None, str, str]]) -> None:
        for id, paths, audience, customer_id, dealer_id, kind, data in rows:
            message = frame(id, kind, data)
            for reader in self._readers:
                if reader.sees(kind, paths, audience, customer_id, dealer_id):
                    reader.put(id, message)
            self.position = id

    def void(self, session: str, user: str, epoch: int) -> None:
        """Ends the streams of a session that ended, or of a user whose tokens below ``epoch`` are void."""
        for reader in list(self._readers):
            principal = reader.principal
            if principal.session == session or (principal.user_id == user and reader.epoch < epoch):
                reader.end()

    def end_all(self) -> None:
        for reader in list(self._readers):
            reader.end()

    async def serve(
        self, headers: Mapping[str, str], receive: Any, send: Any, claims: Mapping[str, Any], principal: Principal
    ) -> None:
        """One stream, from its first byte to its end. Raises before the first byte only."""
        reader = Reader(principal, int(claims.get("epoch", 0)))
        self._readers.add(reader)  # before the position is read: nothing falls between history and now
        gone = asyncio.create_task(_disconnected(receive, reader))
        try:
            await self._pump(reader, headers.get("last-event-id"), send, _deadline(claims))
        finally:
            self._readers.discard(reader)
            gone.cancel()

    async def _pump(self, reader: Reader, last_id: str | None, send: Any, deadline: float) -> None:
        begin = self.position
        if begin is None:
            raise Unavailable("the stream has not begun yet")
        given = await self._resume_from(last_id)
        place = begin if given is None else given
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        if last_id is None:
            await _write(send, b"retry: 1000\nid: %d\n\n" % begin)
        elif given is None:
            await _write(send, b"retry: 1000\n" + frame(begin, "reset", "{}"))
        else:
            await _write(send, b"retry: 1000\n\n")
        while place < begin and not reader.ended:
            place = await self._replay(reader.principal, place, begin, send)
        while not reader.ended or not reader.queue.empty():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                item = await asyncio.wait_for(reader.queue.get(), min(HEARTBEAT, left))
            except TimeoutError:
                await _write(send, b": still here\n\n")
                continue
            if item is None or reader.ended:
                break
            if item[0] > place:
                await _write(send, item[1])
        await send({"type": "http.response.body", "body": b""})

    async def _resume_from(self, last_id: str | None) -> int | None:
        """The place to go on from; None when it cannot be known any more (or never was one). It may lie ahead of us: the
        reader comes from a process that heard of it sooner."""
        if last_id is None or not (last_id.isascii() and last_id.isdigit() and len(last_id) < 19):
            return None
        begins, ends = await self._runtime.in_thread(self._extent)
        return int(last_id) if begins <= int(last_id) <= ends else None

    def _extent(self) -> tuple[int, int]:
        with UnitOfWork(self._runtime.engine, Principal.system("gateway.streams"), read_only=True) as uow:
            (extent,) = uow.rows(_EXTENT)
            return int(extent.begins), int(extent.ends)

    async def _replay(self, principal: Principal, after: int, until: int, send: Any) -> int:
        rows = await self._runtime.in_thread(lambda: self._history(principal, after, until))
        if rows:
            await _write(send, b"".join(frame(row.id, row.kind, orjson.dumps(row.data).decode()) for row in rows))
        return rows[-1].id if len(rows) == PAGE else until

    def _history(self, principal: Principal, after: int, until: int) -> Sequence[Any]:
        """What the caller may see of (after, until]; the database itself holds back what is out of scope."""
        for_me = or_(StreamEvent.audience.is_(None), StreamEvent.audience == principal.username)
        statement = (
            select(StreamEvent.id, StreamEvent.kind, StreamEvent.data)
            .where(StreamEvent.id > after, StreamEvent.id <= until, for_me)
            .where(StreamEvent.kind.not_in(withheld(principal)))
            .order_by(StreamEvent.id)
            .limit(PAGE)
        )
        with UnitOfWork(self._runtime.engine, principal, read_only=True) as uow:
            return uow.rows(statement)


def withheld(principal: Principal) -> list[str]:
    """Kinds of events that tell of what he has no right to read."""
    return [kind for kind, right in RIGHTS.items() if not principal.may(right)]


def frame(id: int, kind: str, data: str) -> bytes:
    """One server-sent event; ``data`` is JSON on one line."""
    return f"id: {id}\nevent: {kind}\ndata: {data}\n\n".encode()


def _deadline(claims: Mapping[str, Any]) -> float:
    """A session's stream ends with the session, an outside account's also with the contract; a token without a session (the
    command line's) is good until it expires."""
    life = LONGEST if len(str(claims.get("sid", ""))) == 32 else float(claims["exp"]) - time.time()
    if party := claims.get("party"):
        life = min(life, party["until"] - time.time())
    return time.monotonic() + min(life, LONGEST)


async def _write(send: Any, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _disconnected(receive: Any, reader: Reader) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            reader.end()
            return
