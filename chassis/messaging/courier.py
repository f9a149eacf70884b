"""The courier: moves events between the services of an embedded suite, in one process and without a broker.

The outbox is the queue. One thread per source takes its rows in order and offers each to every service that listens
(``target.py``), whose threads hand it to the functions the RabbitMQ worker calls too.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from time import monotonic, time_ns

from chassis.messaging import inbox, outbox
from chassis.messaging.listener import Listener
from chassis.messaging.relay import MEASURE, measure
from chassis.messaging.target import DELIVERED, NOT_REACHED, Parcel, Target
from chassis.ops import failpoints, metrics, trace
from chassis.ops.health import Health
from chassis.ops.logging import configure
from chassis.ops.loops import Every, Stop, repeat
from chassis.ops.settings import settings
from chassis.service import Service

log = logging.getLogger(__name__)

IN_HAND = 200  # rows of one source
POLL = 0.5  # seconds, should a notification get lost
LINGER = 0.02  # seconds after which what was told of is marked at the latest: with the next look, if others wait by then
LONGEST_DELAY = 5.0  # seconds until an event is offered again to a database that was away
THREADS = 12  # that deliver, for all services


@dataclass(slots=True, eq=False)
class InHand:
    """A row that so many services have not told of yet."""

    row: outbox.Waiting
    missing: int
    began: int  # ns
    failure: str = DELIVERED


class Source:
    """A service's outbox: takes rows, offers them, marks those that every listening service has told of."""

    def __init__(self, service: Service, targets: Sequence[Target], stop: Stop, beat: Callable[[], None]) -> None:
        self.service, self.targets, self.stop, self.beat = service, targets, stop, beat
        self._hand: dict[int, InHand] = {}  # by position
        self._lock = threading.Lock()
        self._ended: list[InHand] = []  # told of by all and not marked yet

    def run(self) -> float:
        """Until ``stop``, and until all that is in hand has been told of. May be run again after it raised."""
        url, name = settings().database_url(self.service.name), f"aftersales courier {self.service.name}"
        measuring, looked = Every(MEASURE), 0.0
        with closing(Listener(url, name)) as listener:
            exclusive = outbox.Exclusive(listener.connection)
            while not self.stop.is_set or self._hand:
                notified = listener.wait(LINGER if self._hand else POLL, *([] if self.stop.is_set else [self.stop]))
                if notified or self._ended or monotonic() - looked > POLL:
                    while self._look(exclusive):
                        pass
                    looked = monotonic()
                if measuring.due():
                    measure(self.service, listener)
        return 0.0

    def _look(self, exclusive: outbox.Exclusive) -> bool:
        """One call that marks what was told of and takes what waits; whether more may wait (what is committed from now on is
        announced)."""
        with self._lock:
            ended = self._ended.copy()
        sent = self._mark(exclusive, ended)
        room = 0 if self.stop.is_set else IN_HAND - len(self._hand) + len(ended)
        rows = exclusive.next(list(self._hand), room)
        with self._lock:
            del self._ended[: len(ended)]
        for one in ended:
            del self._hand[one.row.position]
        metrics.SENT.labels(self.service.name).inc(len(sent))
        for one in sent if trace.ON else ():
            outbox.trace_sent(self.service.name, one.row, one.began)
        if rows or ended or not self._hand:  # services that hang with what is in hand are to be noticed
            self.beat()
        self._offer(rows)
        return 0 < room == len(rows)

    def _mark(self, exclusive: outbox.Exclusive, ended: Sequence[InHand]) -> list[InHand]:
        """Those that all have."""
        sent = [one for one in ended if one.failure == DELIVERED]
        if sent:
            failpoints.hit("courier.delivered", self.service.name)
        exclusive.sent([one.row.position for one in sent])
        for one in ended:
            if one.failure not in (DELIVERED, NOT_REACHED):
                seconds = min(LONGEST_DELAY, inbox.delay(one.row.attempts + 1))
                exclusive.postpone(one.row.position, seconds, one.failure)
        return sent

    def _offer(self, rows: Sequence[outbox.Waiting]) -> None:
        began = time_ns()
        for row in rows:
            missing = sum(row.type in target.types for target in self.targets)
            one = self._hand[row.position] = InHand(row, missing, began)
            if not missing:
                self._ended.append(one)
        for target in self.targets:
            parcels = [Parcel(row, self._report) for row in rows if row.type in target.types]
            if parcels:
                target.offer(parcels)

    def _report(self, position: int, result: str) -> None:
        with self._lock:
            one = self._hand[position]
            one.missing -= 1
            one.failure = one.failure or result
            if not one.missing:
                self._ended.append(one)


class Courier:
    """A thread for each outbox, and for each service one that repeats what failed and one for its timers."""

    def __init__(self, services: Sequence[Service], stop: Stop, health: Health) -> None:
        self.stop, self.health = stop, health
        self.pool = ThreadPoolExecutor(THREADS, "deliver")
        self.targets = [Target(service, self.pool, stop) for service in services]
        jobs: dict[str, Callable[[], float]] = {}
        for target in self.targets:
            name = target.service.name
            beat = partial(health.beat, f"deliver {name}")
            jobs[f"deliver {name}"] = Source(target.service, self.targets, stop, beat).run
            jobs[f"retry {name}"] = inbox.Retries(target.service, target.engine).run
            jobs[f"timers {name}"] = target.clock.run
        self.threads = [
            threading.Thread(target=repeat, args=(name, job, stop, health), name=name, daemon=True) for name, job in jobs.items()
        ]

    def run(self) -> None:
        """Until ``stop``; then waits for what each thread has in hand."""
        for thread in self.threads:
            thread.start()
        while not self.stop.wait(1.0):
            self.health.beat("courier")
        for thread in self.threads:
            thread.join(15)
        self.pool.shutdown(wait=False)
        for target in self.targets:
            target.clock.close()
            target.engine.dispose()


def run_courier(services: Sequence[Service]) -> None:
    """The courier's process: returns after SIGTERM, when every thread has finished the event in hand."""
    configure("suite", "courier", settings().log_level)
    stop, health = Stop(), Health("courier")
    stop.on_signals()
    health.serve(settings().health_host, settings().health_port)
    Courier(services, stop, health).run()
    trace.flush()
