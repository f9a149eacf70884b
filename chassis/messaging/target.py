"""Where the courier delivers to: a service's waiting events, in order for each aggregate, and who of its threads takes which.

Those that may share a transaction (``together.py``) are taken by one thread at a time, all that wait, so that nobody waits for
what is slow; those of the other aggregates a few abreast, since most of a delivery is waiting for PostgreSQL.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

import orjson

from chassis.db.engine import make_engine, watched
from chassis.messaging import inbox, together
from chassis.messaging.clock import Clock
from chassis.messaging.inbox import DatabaseAway
from chassis.messaging.outbox import OutboxRow
from chassis.messaging.registry import subscriptions, timers
from chassis.ops import failpoints, metrics
from chassis.ops.loops import Stop
from chassis.ops.settings import settings
from chassis.service import Service

log = logging.getLogger(__name__)
T = TypeVar("T")

AWAY = 1.0  # seconds a database that was away is left alone
CONCURRENCY = 4  # aggregates whose events are handled at the same time, beside those that share a transaction
CONNECTIONS = 8  # per database, shared by all threads


@dataclass(frozen=True, slots=True)
class Delivery:
    """An outbox row on its way to one service. ``outcome``: what went wrong, None when it was delivered; cancelled when nobody began."""

    row: OutboxRow
    outcome: Future[str | None]


@dataclass(frozen=True, slots=True)
class Load:
    """What one thread has in hand."""

    deliveries: Sequence[Delivery]
    joined: bool


class Target:
    """A service that receives events. While its database is away it delays, without holding up the others for long."""

    def __init__(self, service: Service, pool: Executor, stop: Stop) -> None:
        self.service, self.pool, self.stop = service, pool, stop
        self.subscriptions = subscriptions(service)
        url = settings().database_url(service.name)
        self.engine = watched(service.name, make_engine(url, size=CONNECTIONS, application="aftersales courier"))
        self.clock = Clock(service, self.engine, url)
        self._away_until = 0.0
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Delivery]] = {}
        self._busy: set[str] = set()  # aggregates
        self._loads = {True: 0, False: 0}  # in hand: of events that share a transaction, others
        metrics.from_zero(service.name, self.subscriptions.types, [timer.name for timer in timers(service)])

    def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Runs work on this service's database, or raises DatabaseAway at once when it was away a moment ago."""
        if monotonic() < self._away_until:
            raise DatabaseAway(f"{self.service.name}: tried a moment ago")
        try:
            return work(self.service, self.engine, *arguments)
        except DatabaseAway:
            self._away_until = monotonic() + AWAY
            raise

    def submit(self, rows: Sequence[OutboxRow]) -> list[Delivery]:
        """To be delivered by other threads, after what was offered before of the same aggregates."""
        deliveries = [Delivery(row, Future()) for row in rows]
        with self._lock:
            for delivery in deliveries:
                self._waiting.setdefault(delivery.row.subject, []).append(delivery)
        self._start()
        return deliveries

    def _start(self) -> None:
        if self.stop.is_set:
            self._give_back()
            return
        with self._lock:
            loads = list(iter(self._next, None))
        for load in loads:
            self.pool.submit(self._work, load)

    def _next(self) -> Load | None:
        """What a free thread may take now: all events of an aggregate, or of all that may share a transaction."""
        joining: list[str] = []
        for subject, deliveries in self._waiting.items():
            if subject in self._busy:
                continue
            if all(together.may_join(self.service, delivery.row.type) for delivery in deliveries):
                joining.append(subject)
            elif self._loads[False] < CONCURRENCY:
                return self._take([subject], joined=False)
        return self._take(joining[: together.MOST], joined=True) if joining and not self._loads[True] else None

    def _take(self, subjects: Sequence[str], joined: bool) -> Load:
        self._loads[joined] += 1
        self._busy.update(subjects)
        return Load([delivery for subject in subjects for delivery in self._waiting.pop(subject)], joined)

    def _give_back(self) -> None:
        with self._lock:
            left = [delivery for deliveries in self._waiting.values() for delivery in deliveries]
            self._waiting.clear()
        for delivery in left:
            delivery.outcome.cancel()

    def _work(self, load: Load) -> None:
        several = together.MOST if load.joined else 1
        for start in range(0, len(load.deliveries), several):
            self._deliver(load.deliveries[start : start + several])
        with self._lock:
            self._loads[load.joined] -= 1
            self._busy.difference_update(delivery.row.subject for delivery in load.deliveries)
        self._start()

    def _deliver(self, deliveries: Sequence[Delivery]) -> None:
        done = self._together([delivery.row for delivery in deliveries])
        for delivery in deliveries:
            if done:
                delivery.outcome.set_result(None)
            elif self.stop.is_set:
                delivery.outcome.cancel()
            else:
                delivery.outcome.set_result(self._alone(delivery.row))

    def _together(self, rows: Sequence[OutboxRow]) -> bool:
        if len(rows) == 1 or self.stop.is_set:
            return False
        try:
            done = self.run(together.receive, [orjson.loads(row.body) for row in rows])
            for row in rows if done else ():
                failpoints.hit("courier.between", row.type)
        except Exception:  # told when it happens to one of them
            return False
        return done

    def _alone(self, row: OutboxRow) -> str | None:
        try:
            self.run(inbox.receive, orjson.loads(row.body))
            failpoints.hit("courier.between", row.type)
        except DatabaseAway:
            return f"{self.service.name} away"
        except Exception as error:  # not an envelope, or a fault of ours: must not hold up the others
            log.exception("outbox row %d cannot be delivered", row.position)
            return f"{type(error).__name__} for {self.service.name}"
        return None
