"""The outbox: rows written by the unit of work, claimed and marked by relay or courier.

Relays claim: rows are locked until the claimer's transaction ends, so several share the work and a dead one gives back what
it held. The courier is alone with a service's outbox (``Exclusive``), and locks nothing. ``CHANNEL`` is notified by the unit of
work's commit, which writes the rows (chassis/events/outgoing.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import orjson
import psycopg2

from chassis import crypto
from chassis.db.batch import Batch
from chassis.db.statements import Cache, ServerSession
from chassis.events import envelope as envelopes, sealing
from chassis.events.outgoing import CHANNEL as CHANNEL
from chassis.ops import metrics, trace

log = logging.getLogger(__name__)
UNOPENABLE_SECONDS = 60.0
_CLAIM = """SELECT position, id::text, type, subject, attempts, envelope::text FROM outbox
    WHERE sent_at IS NULL AND (next_at IS NULL OR next_at <= now())
    ORDER BY position LIMIT %s FOR UPDATE SKIP LOCKED"""
_NEXT = """SELECT position, id::text, type, subject, attempts, envelope::text FROM outbox
    WHERE sent_at IS NULL AND (next_at IS NULL OR next_at <= now()) AND position <> ALL(%s)
    ORDER BY position LIMIT %s"""
_ALONE = "SELECT pg_try_advisory_lock(hashtext('aftersales.courier'))"
_SENT = "UPDATE outbox SET sent_at = clock_timestamp(), next_at = NULL, reason = NULL WHERE position = ANY(%s)"
_POSTPONED = """UPDATE outbox SET attempts = attempts + 1, reason = %s,
    next_at = clock_timestamp() + make_interval(secs => %s) WHERE position = %s"""


class OutboxRow(NamedTuple):
    """A claimed row. ``body`` is the envelope as JSON text."""

    position: int
    id: str
    type: str
    subject: str
    attempts: int
    body: str


class Marks:
    """What became of rows in hand: told in one call with what else is sent."""

    def __init__(self, connection: ServerSession) -> None:
        self._connection, self.marks = connection, Batch()

    def sent(self, positions: Sequence[int]) -> None:
        if positions:
            self.marks.statement(_SENT, [list(positions)])

    def postpone(self, position: int, seconds: float, reason: str) -> None:
        """Not to be claimed again before the delay has passed."""
        self.marks.statement(_POSTPONED, (reason, seconds, position), Cache.NONE)

    def _leaving(self, rows: Sequence[Any]) -> list[OutboxRow]:
        """What leaves: envelopes with their data open. One that cannot be opened must not hold up the others: it is looked at
        again later."""
        return [opened for row in map(OutboxRow._make, rows) if (opened := self._opened(row)) is not None]

    def _opened(self, row: OutboxRow) -> OutboxRow | None:
        if not sealing.is_personal(row.type):
            return row
        try:
            return row._replace(body=envelopes.encode(sealing.opened(orjson.loads(row.body))).decode())
        except crypto.Unopenable as error:
            log.error("outbox row %d cannot be opened: %s", row.position, error)
            self.postpone(row.position, UNOPENABLE_SECONDS, str(error))
            return None


class Claim(Marks):
    """Rows in hand, locked. The marks go with the COMMIT."""

    def __init__(self, connection: ServerSession, found: Sequence[Any], limit: int) -> None:
        super().__init__(connection)
        self.full = len(found) == limit  # others may wait behind them
        self.rows = self._leaving(found)


class AlreadyLocked(Exception):
    """Another process has the outbox."""


class Exclusive(Marks):
    """The outbox of a service in the hands of one process, for as long as the connection lasts. Raises AlreadyLocked."""

    def __init__(self, connection: ServerSession) -> None:
        super().__init__(connection)
        with connection.cursor() as cursor:
            cursor.execute(_ALONE)
            if cursor.fetchone() != (True,):
                raise AlreadyLocked

    def next(self, in_flight: Sequence[int], limit: int) -> list[OutboxRow]:
        """Sends the marks and takes at most so many waiting rows that are not in hand: one call. Who is told of an error has
        to mark again, by another Exclusive."""
        self.marks.statement(_NEXT, (list(in_flight), limit))
        with self._connection.cursor() as cursor:
            self._connection.send(cursor, *self.marks.take(self._connection))
            return self._leaving(cursor.fetchall())


@contextmanager
def claim(connection: ServerSession, limit: int) -> Iterator[Claim]:
    """The oldest waiting rows that others have not claimed, locked until the block ends; an error in it gives them back.
    Two round trips. ``connection`` is in autocommit mode."""
    connection.lead("BEGIN", ())
    try:
        with connection.cursor() as cursor:
            connection.send(cursor, _CLAIM, (limit,), Cache.PLANNED)
            claimed = Claim(connection, cursor.fetchall(), limit)
        yield claimed
        with connection.cursor() as cursor:
            connection.send(cursor, *claimed.marks.take(connection, final="COMMIT"))
    except BaseException:
        connection.failed()
        with suppress(psycopg2.Error), connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
        raise


def trace_sent(service: str, row: OutboxRow, began: int) -> None:
    """A span of a row that has left, under the change that made it; ``began``: when it was claimed (ns)."""
    span = trace.child_of(orjson.loads(row.body).get("traceparent"))
    span.name, span.service, span.kind, span.began = f"send {row.type}", service, "producer", began
    trace.end(span)


def measure(service: str, connection: ServerSession) -> None:
    """Publishes how many rows wait and the age of the oldest in seconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8"
            " FROM outbox WHERE sent_at IS NULL"
        )
        waiting, age = cursor.fetchone() or (0, 0.0)
    metrics.OUTBOX_WAITING.labels(service).set(waiting)
    metrics.OUTBOX_LAG.labels(service).set(age)
