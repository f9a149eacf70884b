"""The outbox: rows written by the unit of work, claimed and marked by relay or courier.

Claiming locks the rows until the claimer's transaction ends, so several relays share the work and a dead one gives back
what it held. ``CHANNEL`` is notified by the unit of work's commit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import orjson
import psycopg2
import psycopg2.extensions

from chassis import crypto
from chassis.db import prepared
from chassis.domain.aggregate import new_id
from chassis.domain.events import event_type
from chassis.messaging import envelope as envelopes, schemas, sealing
from chassis.ops import trace

log = logging.getLogger(__name__)
CHANNEL = "outbox"
UNOPENABLE_SECONDS = 60.0
PgConnection = psycopg2.extensions.connection
_CLAIM = """SELECT position, id::text, type, subject, attempts, envelope::text FROM outbox
    WHERE sent_at IS NULL AND (next_at IS NULL OR next_at <= now())
    ORDER BY position LIMIT %s FOR UPDATE SKIP LOCKED"""
_SENT = "UPDATE outbox SET sent_at = clock_timestamp(), next_at = NULL, reason = NULL WHERE position = ANY(%s)"
_POSTPONED = """UPDATE outbox SET attempts = attempts + 1, reason = %s,
    next_at = clock_timestamp() + make_interval(secs => %s) WHERE position = %s"""


class Recorder(Protocol):
    """What the outbox needs of an aggregate; ``org_path`` too when it is scoped, ``outside_party`` when it came through one."""

    id: Any
    version: Any


class Waiting(NamedTuple):
    """A claimed row. ``body`` is the envelope as JSON text."""

    position: int
    id: str
    type: str
    subject: str
    attempts: int
    body: str


def row(
    fact: object, aggregate: Recorder, actor: str, traceparent: str | None, now: datetime
) -> dict[str, Any]:
    """Values of the outbox row of a fact that ``aggregate`` (its version already raised) recorded.

    Raises SchemaViolation when the fact does not fit its contract: a wrong event never leaves its transaction.
    """
    type_, event_id, subject = event_type(fact), new_id(), UUID(str(aggregate.id))
    org_path = getattr(aggregate, "org_path", None)
    built = envelopes.build(
        fact,
        type_=type_,
        event_id=event_id,
        subject=subject,
        sequence=aggregate.version,
        org_path=org_path,
        actor=actor,
        traceparent=traceparent,
        time=now,
        party_id=getattr(aggregate, "outside_party", None),
    )
    schemas.check_data(type_, built["data"])
    return {
        "id": event_id,
        "type": type_,
        "subject": str(subject),
        "sequence": aggregate.version,
        "org_path": org_path,
        "envelope": sealing.stored(built),
        "created_at": now,
    }


class Claim:
    """Rows in hand. What becomes of them is told in one call, with the COMMIT."""

    def __init__(self, connection: PgConnection) -> None:
        self._connection = connection
        self._parts: list[str] = []
        self._values: list[Any] = []
        self.full = False
        self.rows: list[Waiting] = []

    def begin(self, limit: int) -> None:
        with self._connection.cursor() as cursor:
            prepared.execute(cursor, _CLAIM, (limit,), ahead="BEGIN; ")
            found = list(map(Waiting._make, cursor.fetchall()))
        self.full = len(found) == limit  # others may wait behind them
        self.rows = [told for row in found if (told := self._told(row)) is not None]

    def _told(self, row: Waiting) -> Waiting | None:
        """What leaves: the envelope with its data open. One that cannot be opened must not hold up the others: None, and it
        is looked at again later."""
        if row.type not in sealing.personal_types():
            return row
        try:
            return row._replace(body=envelopes.encode(sealing.told(orjson.loads(row.body))).decode())
        except crypto.Unopenable as error:
            log.error("outbox row %d cannot be opened: %s", row.position, error)
            self.postpone(row.position, UNOPENABLE_SECONDS, str(error))
            return None

    def sent(self, positions: Sequence[int]) -> None:
        if positions:
            self._parts.append(prepared.of(self._connection).call(_SENT))
            self._values.append(list(positions))

    def postpone(self, position: int, seconds: float, reason: str) -> None:
        """Not to be claimed again before the delay has passed."""
        self._parts.append(_POSTPONED)
        self._values += (reason, seconds, position)

    def end(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("; ".join([*self._parts, "COMMIT"]), self._values)
        prepared.of(self._connection).succeeded()


@contextmanager
def claim(connection: PgConnection, limit: int) -> Iterator[Claim]:
    """The oldest waiting rows that others have not claimed, locked until the block ends; an error in it gives them back.
    Two round trips. ``connection`` is in autocommit mode."""
    claimed = Claim(connection)
    try:
        claimed.begin(limit)
        yield claimed
        claimed.end()
    except BaseException:
        prepared.of(connection).failed()
        with suppress(psycopg2.Error), connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
        raise


def tell(service: str, row: Waiting, began: int) -> None:
    """A span of a row that has left, under the change that made it; ``began``: when it was claimed (ns)."""
    span = trace.child_of(orjson.loads(row.body).get("traceparent"))
    span.name, span.service, span.kind, span.began = f"send {row.type}", service, "producer", began
    trace.end(span)


def lag(connection: PgConnection) -> tuple[int, float]:
    """How many rows wait, and the age of the oldest in seconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8"
            " FROM outbox WHERE sent_at IS NULL"
        )
        waiting, age = cursor.fetchone() or (0, 0.0)
        return waiting, age
