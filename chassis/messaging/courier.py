"""The courier: moves events between the services of an embedded suite, in one process and without a broker.

The outbox is the queue. One thread per source claims its rows in order and hands each to every service that listens, by
the same ``receive`` the RabbitMQ worker calls, a few aggregates abreast, the events of one in order. Two more threads
repeat what failed and run the timers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from time import monotonic, time_ns

import orjson

from chassis.db.engine import make_engine, watched
from chassis.messaging import inbox, outbox
from chassis.messaging.clock import Clock
from chassis.messaging.inbox import DatabaseAway
from chassis.messaging.listener import Listener, Stop
from chassis.messaging.registry import subscriptions, timers
from chassis.messaging.relay import MEASURE, measure
from chassis.ops import failpoints, metrics, trace
from chassis.ops.health import Health
from chassis.ops.logging import configure
from chassis.ops.settings import settings
from chassis.service import Service

log = logging.getLogger(__name__)

BATCH = 50
POLL = 0.5  # seconds, should a notification get lost
AWAY = 1.0  # seconds a database that was away is left alone
LONGEST_DELAY = 5.0  # seconds until an event is offered again to a database that was away
ABREAST = 8  # aggregates of one source whose events are delivered at the same time: most of a delivery is waiting for PostgreSQL
CONNECTIONS = 8  # per database, shared by all threads


class Target:
    """A service that receives events. While its database is away it delays, without holding up the others for long."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.types = subscriptions(service)
        url = settings().database_url(service.name)
        self.engine = watched(service.name, make_engine(url, size=CONNECTIONS, application="aftersales courier"))
        self.clock = Clock(service, self.engine, url) if timers(service) else None
        self._away_until = 0.0
        metrics.from_zero(service.name, self.types, [timer.name for timer in timers(service)])

    def run(self, work: Callable[..., object], *arguments: object) -> None:
        """Runs work on this service's database, or raises DatabaseAway at once when it was away a moment ago."""
        if monotonic() < self._away_until:
            raise DatabaseAway(f"{self.service.name}: tried a moment ago")
        try:
            work(self.service, self.engine, *arguments)
        except DatabaseAway:
            self._away_until = monotonic() + AWAY
            raise


class Courier:
    def __init__(self, services: Sequence[Service], stop: Stop, health: Health) -> None:
        self.stop, self.health = stop, health
        self.targets = [Target(service) for service in services]
        loops: list[tuple[str, Callable[[], None]]] = [
            (f"deliver {service.name}", partial(self._deliver, service)) for service in services
        ]
        loops += [("retry", self._retry), ("timers", self._timers)]
        self.threads = [
            threading.Thread(target=self._keep_running, args=loop, name=loop[0], daemon=True)
            for loop in loops
        ]

    def run(self) -> None:
        """Until ``stop``; then waits for what each thread has in hand."""
        for thread in self.threads:
            thread.start()
        while not self.stop.wait(1.0):
            self.health.beat("courier")
        for thread in self.threads:
            thread.join(15)
        for target in self.targets:
            target.engine.dispose()

    def _keep_running(self, name: str, loop: Callable[[], None]) -> None:
        """A loop that fails (its database restarts, say) begins again after a second."""
        while not self.stop.is_set:
            self.health.beat(name)
            try:
                loop()
            except Exception as error:
                log.warning("%s begins again: %s", name, repr(error))
                self.stop.wait(1.0)

    # ------------------------------------------------------------------ delivery
    def _deliver(self, source: Service) -> None:
        url = settings().database_url(source.name)
        measured = 0.0
        with ExitStack() as stack:
            listener = Listener(url, f"aftersales courier {source.name}")
            stack.callback(listener.close)
            pool = stack.enter_context(ThreadPoolExecutor(ABREAST, f"deliver {source.name}"))
            while not self.stop.is_set:
                self.health.beat(f"deliver {source.name}")
                if not self._round(source, listener, pool):
                    listener.wait(self.stop, POLL)  # whatever was committed since the claim is announced
                if monotonic() - measured > MEASURE:
                    measured = monotonic()
                    measure(source, listener)

    def _round(self, source: Service, listener: Listener, pool: Executor) -> bool:
        """One batch, locked until its end; whether more may wait. What was not reached is simply claimed again."""
        with outbox.claim(listener.connection, BATCH) as claim:
            groups: dict[str, list[outbox.Waiting]] = {}
            for row in claim.rows:
                groups.setdefault(row.subject, []).append(row)
            run = map if len(groups) == 1 else pool.map  # a single event is not worth a change of threads
            offered = [one for group in run(partial(self._offer_in_order, source), groups.values()) for one in group]
            for row, failure in offered:
                if failure is not None:
                    seconds = min(LONGEST_DELAY, inbox.delay(row.attempts + 1))
                    claim.postpone(row.position, seconds, failure)
            sent = [row.position for row, failure in offered if failure is None]
            if sent:
                failpoints.hit("courier.delivered", source.name)
            claim.sent(sent)
        metrics.SENT.labels(source.name).inc(len(sent))
        return claim.full

    def _offer_in_order(self, source: Service, rows: Sequence[outbox.Waiting]) -> list[tuple[outbox.Waiting, str | None]]:
        """The events of one aggregate, oldest first, until asked to stop; each with what went wrong."""
        return [(row, self._offer(source, row)) for row in rows if not self.stop.is_set]

    def _offer(self, source: Service, row: outbox.Waiting) -> str | None:
        """To every listening service; None when all have it, else why it must be offered again (inboxes drop repeats)."""
        envelope, failure, began = orjson.loads(row.body), None, time_ns()
        for target in self.targets:
            if row.type not in target.types:
                continue
            try:
                target.run(inbox.receive, envelope)
                failpoints.hit("courier.between", row.type)
            except DatabaseAway:
                failure = f"{target.service.name} away"
            except Exception as error:  # not an envelope, or a fault of ours: must not hold up the others
                failure = f"{type(error).__name__} for {target.service.name}"
                log.exception("outbox row %d cannot be delivered", row.position)
        if failure is None and trace.ON:
            outbox.tell(source.name, row, began)
        return failure

    # ------------------------------------------------------------------ what failed, and timers
    def _retry(self) -> None:
        measured = 0.0
        while not self.stop.is_set:
            self.health.beat("retry")
            measuring = monotonic() - measured > MEASURE
            measured = monotonic() if measuring else measured
            for target in self.targets:
                try:
                    target.run(inbox.retry_due)
                    if measuring:
                        target.run(inbox.measure)
                except DatabaseAway as error:
                    log.warning("retries of %s wait: %s", target.service.name, error)
            self.stop.wait(POLL)

    def _timers(self) -> None:
        clocks = [target.clock for target in self.targets if target.clock]
        try:
            while not self.stop.is_set:
                self.health.beat("timers")
                self.stop.wait(min([clock.run() for clock in clocks], default=5.0))
        finally:
            for clock in clocks:
                clock.close()


def run_courier(services: Sequence[Service]) -> None:
    """The courier's process: returns after SIGTERM, when every thread has finished the event in hand."""
    configure("suite", "courier", settings().log_level)
    stop, health = Stop(), Health("courier")
    stop.on_signals()
    health.serve(settings().health_host, settings().health_port)
    Courier(services, stop, health).run()
    trace.flush()
