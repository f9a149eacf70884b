"""The courier: moves events between the services of an embedded suite, in one process and without a broker.

The outbox is the queue. One thread per source takes its rows in order and offers each to every service that listens
(``target.py``), whose threads hand it to the functions the RabbitMQ worker calls too.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from time import monotonic, time_ns

from chassis.messaging import inbox, outbox
from chassis.messaging.listener import Listener
from chassis.messaging.target import Target
from chassis.ops import failpoints, metrics, trace
from chassis.ops.health import Health
from chassis.ops.logging import configure
from chassis.ops.loops import MEASURE, Every, Stop, repeat
from chassis.ops.settings import settings
from chassis.service import Service

log = logging.getLogger(__name__)

PREFETCH = 200  # rows of one source that are taken and not marked yet
POLL = 0.5  # seconds, should a notification get lost
LINGER = 0.02  # seconds after which what was told of is marked at the latest: with the next look, if others wait by then
LONGEST_DELAY = 5.0  # seconds until an event is offered again to a database that was away
THREADS = 12  # that deliver, for all services


@dataclass(frozen=True, slots=True)
class InFlight:
    """A row that was offered to every service that listens to its type."""

    row: outbox.OutboxRow
    outcomes: list[Future[str | None]]
    began: int  # ns


class Source:
    """A service's outbox: takes rows, offers them, marks those that every listening service has."""

    def __init__(self, service: Service, targets: Sequence[Target], stop: Stop, beat: Callable[[], None]) -> None:
        self.service, self.targets, self.stop, self.beat = service, targets, stop, beat
        self._in_flight: dict[int, InFlight] = {}  # by position

    def run(self) -> float:
        """Until ``stop``, and until all that is in hand has ended. May be run again after it raised."""
        url, name = settings().database_url(self.service.name), f"aftersales courier {self.service.name}"
        measuring, looked = Every(MEASURE), 0.0
        with closing(Listener(url, name)) as listener:
            exclusive = outbox.Exclusive(listener.connection)
            while not self.stop.is_set or self._in_flight:
                notified = listener.wait(LINGER if self._in_flight else POLL, *([] if self.stop.is_set else [self.stop]))
                if notified or self._ended() or monotonic() - looked > POLL:
                    while self._look(exclusive):
                        pass
                    looked = monotonic()
                if measuring.due():
                    outbox.measure(self.service.name, listener.connection)
        return 0.0

    def _ended(self) -> list[InFlight]:
        return [one for one in self._in_flight.values() if all(outcome.done() for outcome in one.outcomes)]

    def _look(self, exclusive: outbox.Exclusive) -> bool:
        """One call that marks what has ended and takes what waits; whether more may wait (what is committed from now on is
        announced)."""
        ended = self._ended()
        sent = self._mark(exclusive, ended)
        room = 0 if self.stop.is_set else PREFETCH - len(self._in_flight) + len(ended)
        rows = exclusive.next(list(self._in_flight), room)
        for one in ended:
            del self._in_flight[one.row.position]
        metrics.SENT.labels(self.service.name).inc(len(sent))
        for one in sent if trace.ON else ():
            outbox.trace_sent(self.service.name, one.row, one.began)
        if rows or ended or not self._in_flight:  # services that hang with what is in hand are to be noticed
            self.beat()
        self._submit(rows)
        return 0 < room == len(rows)

    def _mark(self, exclusive: outbox.Exclusive, ended: Sequence[InFlight]) -> list[InFlight]:
        """Those that all have. What nobody began at the end waits on as it did."""
        sent = []
        for one in ended:
            if any(outcome.cancelled() for outcome in one.outcomes):
                continue
            failures = [failure for outcome in one.outcomes if (failure := outcome.result())]
            if failures:
                seconds = min(LONGEST_DELAY, inbox.delay(one.row.attempts + 1))
                exclusive.postpone(one.row.position, seconds, failures[0])
            else:
                sent.append(one)
        if sent:
            failpoints.hit("courier.delivered", self.service.name)
        exclusive.sent([one.row.position for one in sent])
        return sent

    def _submit(self, rows: Sequence[outbox.OutboxRow]) -> None:
        began = time_ns()
        self._in_flight |= {row.position: InFlight(row, [], began) for row in rows}
        for target in self.targets:
            wanted = [row for row in rows if row.type in target.subscriptions]
            for delivery in target.submit(wanted) if wanted else ():
                self._in_flight[delivery.row.position].outcomes.append(delivery.outcome)


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
