"""Writes the audit log, and what else is noted of requests: rows of all requests in flight go to the database together, and
each request's answer leaves when its own are stored. A thread with a connection of its own, so that a busy pool cannot hold
it up."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

import orjson
import psycopg2

from chassis.messaging.listener import connect

log = logging.getLogger("aftersales.gateway.audit")
COLUMNS = (
    "at", "username", "acting_for", "address", "method", "path", "operation", "status", "trace_id", "content", "org_path",
)  # fmt: skip
TOGETHER = 200
LATER = 1.0
"""Seconds that rows nobody waits for are gathered; they go earlier with one that somebody waits for."""
MOST_LATER = 10_000
"""Rows nobody waits for that may lie in memory; more are not kept while the database is away."""
PATIENCE = 3.0
"""Seconds an answer waits for a database that is away. What cannot be stored by then goes to the process's log."""
_END: Any = None


class Row(Protocol):
    """``sql``: a statement with one place (%s) for the values of many rows. ``told``: for the process's log, without content."""

    sql: ClassVar[str]

    def values(self) -> tuple[Any, ...]: ...

    def log_fields(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Entry:
    sql: ClassVar[str] = f"INSERT INTO audit_entries ({', '.join(COLUMNS)}) VALUES %s"

    at: datetime
    username: str
    acting_for: str | None
    address: str
    method: str
    path: str
    operation: str
    status: int
    trace_id: str
    content: dict[str, Any] | None
    org_path: str

    def values(self) -> tuple[Any, ...]:
        content = None if self.content is None else orjson.dumps(self.content).decode()
        return tuple(content if name == "content" else getattr(self, name) for name in COLUMNS)

    def log_fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in COLUMNS if name != "content"}


Waiting = tuple[Row, "asyncio.Future[bool] | None"]


class Recorder:
    """Made in the event loop, stopped with it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self._connection: Any = None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    async def record(self, row: Row) -> bool:
        """Comes back when the row is stored; False when it was given up."""
        stored: asyncio.Future[bool] = self._loop.create_future()
        self._queue.put((row, stored))
        return await stored

    def note(self, row: Row) -> None:
        """Stores the row soon, without anybody waiting; lost when the process is killed before."""
        if self._queue.qsize() < MOST_LATER:
            self._queue.put((row, None))

    def stop(self) -> None:
        self._queue.put(_END)
        self._thread.join(timeout=PATIENCE + 2)

    def _run(self) -> None:
        going = True
        while going:
            batch = self._batch()
            going = _END not in batch
            waiting = [one for one in batch if one is not _END]
            if waiting:
                stored = self._store([row for row, _ in waiting])
                for _, future in waiting:
                    self._resolve(future, stored)
        if self._connection is not None:
            self._connection.close()

    def _batch(self) -> list[Waiting]:
        """What is there, once somebody waits for one of it, or it is old or large enough."""
        batch = [self._queue.get()]
        deadline = time.monotonic() + LATER
        while len(batch) < TOGETHER:
            if batch[-1] is _END or batch[-1][1] is not None:
                deadline = 0.0
            try:
                batch.append(self._queue.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
        return batch

    def _store(self, rows: list[Row]) -> bool:
        deadline, pause = time.monotonic() + PATIENCE, 0.05
        while True:
            try:
                self._insert(rows)
                return True
            except psycopg2.Error as error:
                self._drop()
                if time.monotonic() + pause > deadline or isinstance(error, psycopg2.DataError):
                    log.error("audit entries not stored: %s", type(error).__name__)
                    for row in rows:  # the log is the last place where it can still be found
                        log.error("audit", extra=row.log_fields())
                    return False
                time.sleep(pause)
                pause *= 2

    def _insert(self, rows: Sequence[Row]) -> None:
        """All of them in one call, which is a transaction; rows of one kind in one statement, kinds in the order of their
        first."""
        if self._connection is None:
            self._connection = connect(self._url, "gateway.audit", wait=3)
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            kinds = dict.fromkeys(row.sql for row in rows)
            cursor.execute(b"; ".join(_statement(cursor, sql, [row.values() for row in rows if row.sql == sql]) for sql in kinds))

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _resolve(self, future: asyncio.Future[bool] | None, stored: bool) -> None:
        if future is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle, future, stored)


def _statement(cursor: Any, sql: str, rows: Sequence[tuple[Any, ...]]) -> bytes:
    before, _, after = sql.partition("%s")
    places = f"({', '.join(['%s'] * len(rows[0]))})"
    return before.encode() + b", ".join(cursor.mogrify(places, row) for row in rows) + after.encode()


def _settle(future: asyncio.Future[bool], stored: bool) -> None:
    if not future.done():  # whoever waited may have gone
        future.set_result(stored)
