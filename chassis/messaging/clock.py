"""Timers of a service: run in the one process that holds the service's advisory lock."""

from __future__ import annotations

import logging
from time import monotonic

import psycopg2
from sqlalchemy import Engine

from chassis.domain.events import Timer
from chassis.messaging.inbox import unit
from chassis.messaging.listener import connect
from chassis.messaging.registry import timers
from chassis.ops import metrics, trace
from chassis.service import Service

log = logging.getLogger(__name__)
_LOCK = "SELECT pg_try_advisory_lock(hashtext('aftersales.timers'))"


class Clock:
    """Runs what is due. The lock hangs on a connection of its own, so a process that dies or loses its database
    gives way to the next at once; while the lock is elsewhere nothing runs here."""

    def __init__(self, service: Service, engine: Engine, url: str) -> None:
        self.service, self.engine, self.url = service, engine, url
        self._due = {timer: monotonic() + timer.seconds for timer in timers(service)}
        self._lock: psycopg2.extensions.connection | None = None

    def run(self) -> float:
        """Run every timer that is due; seconds until the next look. Failures are logged, never raised."""
        if self._leads():
            for timer in [timer for timer, due in self._due.items() if due <= monotonic()]:
                self._run(timer)
                self._due[timer] = monotonic() + timer.seconds
        return max(0.05, min(min(self._due.values()) - monotonic(), 5.0)) if self._lock else 5.0

    def close(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def _leads(self) -> bool:
        try:
            if self._lock is not None:
                with self._lock.cursor() as cursor:
                    cursor.execute("SELECT 1")
                return True
            candidate = connect(self.url, f"aftersales {self.service.name} timers")
            candidate.autocommit = True
            with candidate.cursor() as cursor:
                cursor.execute(_LOCK)
                if (cursor.fetchone() or (False,))[0]:
                    self._lock = candidate
                    return True
            candidate.close()
        except psycopg2.Error:
            self.close()
        return False

    def _run(self, timer: Timer) -> None:
        try:
            with trace.span(service=self.service.name) as span:
                with unit(self.service, self.engine) as uow:
                    timer.function(uow)
                if uow.sent_events:  # else it only looked, and that is not worth telling
                    span.name = f"timer {timer.name}"
        except Exception:  # told, and run again at its next time; other timers go on
            metrics.TIMER_FAILURES.labels(self.service.name, timer.name).inc()
            log.exception("timer failed", extra={"timer": timer.name})
