"""The inbox: every received event is handled once, in one transaction with the row that says so.

Worker (RabbitMQ) and courier (embedded) both call ``receive`` and, for what failed before, ``retry_due``.
"""

from __future__ import annotations

import logging
import random
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeout

from chassis.db.uow import Transient, UnitOfWork
from chassis.db.violations import is_away, on_violation
from chassis.domain.events import Event
from chassis.domain.principal import Principal
from chassis.events import envelope as envelopes, schemas, sealing
from chassis.messaging.registry import subscriptions
from chassis.ops import failpoints, metrics, trace
from chassis.ops.logging import mask
from chassis.ops.loops import MEASURE, Every
from chassis.ops.settings import settings
from chassis.ops.span import Span
from chassis.service import Service

log = logging.getLogger(__name__)
T = TypeVar("T")

FIRST_DELAY, LONGEST_DELAY = 0.2, 600.0  # seconds
AT_ONCE = 5  # tries of a transaction that the database broke off
REASON_LENGTH = 500
POLL = 0.5  # seconds between looks for what is to be tried again


class Outcome(StrEnum):
    """How the reception of an event ended; after any of them it may be acknowledged."""

    DONE = "done"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"  # nobody here listens to the type; nothing is stored
    RETRY = "retry"
    PARKED = "parked"


class DatabaseAway(Exception):
    """The database cannot be reached: nothing was handled, nothing counted; do not acknowledge, try again later."""


class Undecodable(Exception):
    """Not an envelope at all, so it has no id to keep it under."""


class Known(Exception):
    """The inbox has the event already."""


on_violation("pk_inbox", Known)
# Without ON CONFLICT: it fails together with what goes in the same call, and costs no round trip of its own.
_RECEIVED = (
    "INSERT INTO inbox (event_id, type, source, subject, sequence, state, received_at, handled_at)"
    " VALUES (%s, %s, %s, %s, %s, 'done', %s, %s)"
)
# Whoever failed with an older attempt, or with what somebody else has handled meanwhile, has nothing to say any more.
_FAILED = text(
    "INSERT INTO inbox (event_id, type, source, subject, sequence, state, attempts, next_at, reason, trace,"
    " envelope, received_at) VALUES (:event_id, :type, :source, :subject, :sequence, :state, :attempts,"
    " now() + make_interval(secs => :delay), :reason, :trace, CAST(:envelope AS jsonb), :now)"
    " ON CONFLICT (event_id) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, next_at = excluded.next_at,"
    " reason = excluded.reason, trace = excluded.trace WHERE inbox.state = 'retry' AND inbox.attempts = excluded.attempts - 1"
)
_DUE = text(
    "SELECT event_id, attempts, envelope FROM inbox WHERE state = 'retry' AND next_at <= now()"
    " ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_HANDLED = text(
    "UPDATE inbox SET state = 'done', attempts = attempts + 1, next_at = NULL, reason = NULL, trace = NULL,"
    " envelope = NULL, handled_at = clock_timestamp() WHERE event_id = :event_id"
)
# One branch for each of the two partial indexes: together they would read the whole table.
_WAITING = text(
    "SELECT 'retry' AS state, count(*) AS waiting,"
    " coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0)::float8 AS oldest"
    " FROM inbox WHERE state = 'retry'"
    " UNION ALL SELECT 'parked', count(*), 0 FROM inbox WHERE state = 'parked'"
)


def unit(service: Service, engine: Engine) -> UnitOfWork:
    """A unit of work under the system scope of the service's background process."""
    uow = UnitOfWork(engine, Principal.system(f"{service.name}.worker"))
    uow.traceparent = trace.current_traceparent()
    return uow


def receive(service: Service, engine: Engine, envelope: object) -> Outcome:
    """Handle a delivered envelope (decoded JSON). Raises DatabaseAway or Undecodable; handlers' errors never escape."""
    envelope = decoded(envelope)
    if envelope["type"] not in subscriptions(service):
        return Outcome.IGNORED
    event = envelopes.parse(envelope)
    labels = {"service": service.name, "type": event.type, "outcome": "away"}
    with span_of(service, event) as span, metrics.timed(metrics.handled, labels):
        outcome = _receive(service, engine, event, envelope)
        labels["outcome"] = outcome
        span.attributes["aftersales.outcome"] = outcome.value
        return outcome


def decoded(envelope: object) -> Mapping[str, Any]:
    """The envelope, which is one. Raises Undecodable."""
    try:
        schemas.check_envelope(envelope)
    except schemas.SchemaViolation as error:
        raise Undecodable(str(error)) from None
    assert isinstance(envelope, Mapping)
    return envelope


def span_of(service: Service, event: Event) -> AbstractContextManager[Span]:
    return trace.span(event.traceparent, f"process {event.type}", service=service.name, kind="consumer")


def retry_due(service: Service, engine: Engine, limit: int = 100) -> int:
    """Try kept events whose time has come, at most ``limit``; how many were tried. Raises DatabaseAway."""
    tried = 0
    while tried < limit and _retry_one(service, engine):
        tried += 1
    return tried


class Retries:
    """A background process's loop: what failed is tried again when its time has come; now and then what waits is counted."""

    def __init__(self, service: Service, engine: Engine) -> None:
        self._service, self._engine, self._measuring = service, engine, Every(MEASURE)

    def run(self) -> float:
        tried = retry_due(self._service, self._engine)
        if self._measuring.due():
            measure(self._service, self._engine)
        return 0.0 if tried else POLL


def measure(service: Service, engine: Engine) -> None:
    """Publish how many events wait to be tried again and since when, and how many are parked."""
    with unit(service, engine) as uow:
        counts = {row.state: row for row in uow.rows(_WAITING)}
    for state, row in counts.items():
        metrics.INBOX_WAITING.labels(service.name, state).set(row.waiting)
    metrics.INBOX_OLDEST.labels(service.name).set(counts[Outcome.RETRY].oldest)


def delay(attempts: int) -> float:
    """Seconds to wait after so many failed attempts: doubles up to ten minutes, a little random so that crowds part."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (attempts - 1)) * random.uniform(1.0, 1.25)


def _receive(service: Service, engine: Engine, event: Event, envelope: Mapping[str, Any]) -> Outcome:
    def handle() -> Outcome:
        with unit(service, engine) as uow:
            handle_once(service, uow, event)
        failpoints.hit("inbox.handled", service.name, event.type)
        return Outcome.DONE

    try:
        return _at_once(engine, handle)
    except DatabaseAway:
        raise
    except Known:
        return Outcome.DUPLICATE
    except Exception as failure:
        return _keep(service, engine, sealing.stored(envelope), 1, failure)


def _retry_one(service: Service, engine: Engine) -> bool:
    claimed: Any = None

    def handle() -> bool:
        nonlocal claimed
        with unit(service, engine) as uow:
            claimed = next(iter(uow.rows(_DUE)), None)
            if claimed is None:
                return False
            event = envelopes.parse(sealing.opened(claimed.envelope))
            with span_of(service, event) as span:
                uow.traceparent = span.traceparent
                _handle(service, uow, event)
            uow.execute(_HANDLED, {"event_id": claimed.event_id})
        return True

    try:
        return _at_once(engine, handle)
    except DatabaseAway:
        raise
    except Exception as failure:
        if claimed is None:  # failed before any event was at hand
            raise DatabaseAway(str(failure)) from failure
        _keep(service, engine, claimed.envelope, claimed.attempts + 1, failure)
        return True


def handle_once(service: Service, uow: UnitOfWork, event: Event) -> None:
    """The event's row and its effects. Raises Known, at the latest with COMMIT, and what handlers do."""
    uow.first(_RECEIVED, (*_columns(event).values(), uow.now, uow.now))
    _handle(service, uow, event)
    failpoints.hit("inbox.handling", service.name, event.type)


def _handle(service: Service, uow: UnitOfWork, event: Event) -> None:
    handlers = subscriptions(service).handlers(event.type)
    if not handlers:
        raise LookupError(f"nobody in {service.name} listens to {event.type} any more")
    for handler in handlers:
        handler.function(uow, replace(event, data=schemas.read(event.type, event.data, handler.reads)))


def _at_once(engine: Engine, work: Callable[[], T]) -> T:
    """Runs a transaction, and again when the database broke it off. Raises its error, or DatabaseAway."""
    for tries in range(1, AT_ONCE + 1):
        try:
            return work()
        except Exception as error:
            lost = is_away(error)
            if not lost and not isinstance(error, Transient):
                raise
            if lost and not reachable(engine):
                raise DatabaseAway(_line(error)) from error
            if tries == AT_ONCE:
                raise
            time.sleep(random.uniform(0.0, 0.01) * 2**tries)
    raise AssertionError("unreachable")


def reachable(engine: Engine) -> bool:
    """Whether the database answers now."""
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except (DBAPIError, PoolTimeout):
        return False
    return True


def _columns(event: Event) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": str(event.subject),
        "sequence": event.sequence,
    }


def _keep(service: Service, engine: Engine, stored: Mapping[str, Any], attempts: int, failure: Exception) -> Outcome:
    """The event, as it may stand in a table, for a later try; parked when there were enough of them, or when it breaks its contract,
    which is hopeless."""
    event = envelopes.parse(stored)
    parked = attempts >= settings().retry_limit or isinstance(failure, schemas.SchemaViolation)
    outcome = Outcome.PARKED if parked else Outcome.RETRY
    (metrics.PARKED if parked else metrics.RETRIES).labels(service.name, event.type).inc()
    log.log(
        logging.ERROR if parked else logging.WARNING,
        "event %s after attempt %d: %s",
        outcome,
        attempts,
        _line(failure),
        extra={"event_type": event.type},
    )
    lines = [*traceback.format_tb(failure.__traceback__), _line(failure)]
    cause = failure.__cause__
    row = {
        **_columns(event),
        "state": outcome.value,
        "attempts": attempts,
        "delay": delay(attempts),
        "reason": _line(failure),
        "trace": mask("".join(lines) + (f"\nfrom {_line(cause)}" if cause else "")),
        "envelope": envelopes.encode(stored).decode(),
    }
    try:
        with unit(service, engine) as uow:
            uow.execute(_FAILED, {**row, "now": uow.now})
    except (DBAPIError, PoolTimeout, Transient) as error:
        # What cannot even be written down is the database's trouble: the event stays with whoever delivered it.
        raise DatabaseAway(_line(error)) from error
    return outcome


def _line(error: BaseException) -> str:
    """The error in one line, without statement parameters and what else may be personal."""
    shown = error.orig if isinstance(error, DBAPIError) and error.orig else error
    first = (str(shown).splitlines() or [""])[0]
    return mask(f"{type(shown).__name__}: {first}")[:REASON_LENGTH]
