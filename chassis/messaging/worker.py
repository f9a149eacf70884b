"""The worker process of a service: consumes its RabbitMQ queue, repeats what failed, runs the timers. Nameko is its runtime, and this
the only file that knows it. It brings eventlet, which replaces sockets, threads and sleep of the whole process: never in an HTTP process.

A message is acknowledged after its inbox transaction and never before. Handlers' failures are kept by the inbox, so they
are acknowledged too; while the database is away messages are held, unacknowledged, until it is back.
"""

from __future__ import annotations

# ruff: noqa: E402
import os
import warnings

warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")  # known, and confined to this file

# Its own resolver is a quarter of what a start costs (dnspython, twice) and does not read all that the system's does.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")

import eventlet

eventlet.monkey_patch()  # before anything below copies names of what it replaces; psycopg2 becomes cooperative too

import logging
import random
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from amqp.exceptions import AMQPError
from kombu import Queue
from kombu.message import Message
from nameko.containers import ServiceContainer
from nameko.messaging import Consumer, QueueConsumer
from sqlalchemy import Engine

from chassis.db.engine import make_engine, watched
from chassis.events.envelope import CONTENT_TYPE
from chassis.messaging import inbox, together, topology
from chassis.messaging.clock import Clock
from chassis.messaging.inbox import DatabaseAway, Undecodable
from chassis.messaging.registry import subscriptions, timers
from chassis.ops import metrics, trace
from chassis.ops.health import Health
from chassis.ops.logging import configure
from chassis.ops.loops import Stop, repeat
from chassis.ops.settings import settings
from chassis.service import Service

log = logging.getLogger(__name__)

QUEUES_EVERY = 15.0  # seconds
GRACE = 18  # seconds from SIGTERM to the end at the latest
LONGEST_PAUSE = 5.0  # seconds between looks for a database that is away

Buffer = deque[tuple[Any, Any]]
"""Bodies with their messages."""
Answer = Callable[[Any], None] | None
"""What becomes of a message; None: nothing, whoever breaks the connection gives it back."""


class Stopping(Stop):
    """The flag among greenlets, of which one alone may wait on a pipe."""

    def wait(self, seconds: float) -> bool:
        eventlet.sleep(seconds)
        return self.is_set


class EventQueueConsumer(QueueConsumer):
    """Nameko's queue consumer, which dead-letters what cannot be decoded (kombu would drop it) and, when stopping,
    keeps its connection until what is in hand has been acknowledged."""

    should_stop: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.unacknowledged = 0

    def on_decode_error(self, message: Any, error: Exception) -> None:
        metrics.UNDECODABLE.labels(self.container.service_name).inc()
        log.error("undecodable message goes to the dead-letter queue: %s", type(error).__name__)
        message.reject(requeue=False)

    def on_iteration(self) -> None:
        self.container.service_cls.health.beat("consumer")
        asked = self.should_stop
        super().on_iteration()  # asks for an end as soon as no consumer is left
        if self.unacknowledged:
            self.should_stop = asked


class EventConsumer(Consumer):
    """Entry point that hands messages themselves to the method, which takes of those that wait what goes together and tells
    what becomes of each."""

    queue_consumer = EventQueueConsumer()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.waiting: Buffer = deque()
        self.busy = 0

    def handle_message(self, body: Any, message: Any) -> None:
        self.queue_consumer.unacknowledged += 1
        self.waiting.append((body, message))
        self._spawn()

    def _spawn(self) -> None:
        if self.waiting and self.busy < CONNECTIONS:
            self.busy += 1
            taken: list[tuple[Any, Any]] = []
            self.container.spawn_worker(self, (self.waiting, taken), {}, handle_result=partial(self._handled, taken))

    def _handled(self, taken: list[tuple[Any, Any]], _context: Any, answers: Any, fault: Any) -> tuple[Any, Any]:
        """A fault of ours gives back what was taken: the delivery limit ends it."""
        self.busy -= 1
        for (_, message), answer in zip(taken, answers or [Message.requeue] * len(taken), strict=True):
            self._answer(message, answer)
        self._spawn()
        return answers, fault

    def _answer(self, message: Any, answer: Answer) -> None:
        self.queue_consumer.unacknowledged -= 1
        try:
            if answer is not None and message.channel.connection:
                answer(message)
        except (AMQPError, OSError):
            pass  # the connection broke just now: delivered again, and dropped by the inbox


def service_class(service: Service, engine: Engine, health: Health, stopping: Stop) -> type:
    """What Nameko is to run: one entry point on the service's queue, which was declared before."""

    def held(message: Any) -> bool:
        return not stopping.is_set and message.channel.connection is not None

    def may_join(body: Any) -> bool:
        return isinstance(body, dict) and together.may_join(service, str(body.get("type")))

    def take(waiting: Buffer, taken: list[tuple[Any, Any]]) -> None:
        while waiting and (not taken or (len(taken) < together.MOST and may_join(taken[0][0]) and may_join(waiting[0][0]))):
            taken.append(waiting.popleft())

    def alone(body: Any, message: Any) -> Answer:
        pause = 0.1
        while held(message):
            try:
                inbox.receive(service, engine, body)
                return Message.ack
            except Undecodable as error:
                metrics.UNDECODABLE.labels(service.name).inc()
                log.error("not an envelope, goes to the dead-letter queue: %s", error)
                return Message.reject
            except DatabaseAway as error:
                log.warning("holding an event for %.1f s: %s", pause, error)
                eventlet.sleep(pause * random.uniform(0.7, 1.3))
                pause = min(LONGEST_PAUSE, pause * 2)
        return None

    class Worker:
        name = service.name

        @EventConsumer.decorator(queue=Queue(topology.queue(service), no_declare=True))  # type: ignore[no-untyped-call]  # Nameko has no types
        def handle(self, waiting: Buffer, taken: list[tuple[Any, Any]]) -> list[Answer]:
            take(waiting, taken)
            if len(taken) > 1 and held(taken[0][1]):
                with suppress(DatabaseAway):
                    if together.receive(service, engine, [body for body, _ in taken]):
                        return [Message.ack] * len(taken)
            return [alone(body, message) for body, message in taken]

    Worker.health = health  # type: ignore[attr-defined]  # Nameko makes the class; its consumer finds it there
    return Worker


CONNECTIONS = 3
"""Of one worker to its database. Two workers for each of five services, beside the HTTP processes, must fit into the 100
connections that PostgreSQL allows where nobody changed it; events in hand beyond these wait their turn."""


class Runtime:
    """One process: the container (made anew when the broker was lost for long), retries, timers, measurements."""

    def __init__(self, service: Service) -> None:
        self.service, self.health, self.stopping = service, Health(f"{service.name}.worker"), Stopping()
        self.container: ServiceContainer | None = None
        url = settings().database_url(service.name)
        size = min(settings().pool_size, settings().max_workers, CONNECTIONS) + 1  # one for retries and timers
        self.engine = watched(service.name, make_engine(url, size=size, application=f"{service.name}.worker"))
        self.clock = Clock(service, self.engine, url)
        self.worker = service_class(service, self.engine, self.health, self.stopping)
        self.health.check("consuming", lambda: self.container is not None)
        metrics.from_zero(service.name, subscriptions(service).types, [timer.name for timer in timers(service)])

    def run(self) -> None:
        jobs = {"retry": inbox.Retries(self.service, self.engine).run, "timers": self.clock.run, "queues": self._measure_queues}
        background = [eventlet.spawn(repeat, name, job, self.stopping, self.health) for name, job in jobs.items()]
        repeat("consumer", self._consume, self.stopping, self.health)
        for job in background:
            job.kill()
        self.clock.close()
        trace.flush()
        self.engine.dispose()

    def stop(self) -> None:
        """Take no more, finish what is in hand. A handler that will not end is cut off: it is delivered again."""
        self.stopping.set()
        eventlet.spawn_after(GRACE, os._exit, 1)
        if self.container is not None:
            self.container.stop()

    def _consume(self) -> float:
        topology.declare(settings().amqp_url, [self.service])
        config = {
            "AMQP_URI": settings().amqp_url,
            "HEARTBEAT": 30,
            "max_workers": settings().max_workers,
            "serializer": "cloudevents",
            "SERIALIZERS": {
                "cloudevents": {
                    "encoder": "orjson.dumps",
                    "decoder": "orjson.loads",
                    "content_type": CONTENT_TYPE,
                }
            },
        }
        self.container = ServiceContainer(self.worker, config)
        try:
            self.container.start()
            if self.stopping.is_set:
                self.container.stop()
            self.container.wait()
        finally:
            self.container = None
        return 0.0

    def _measure_queues(self) -> float:
        topology.measure(settings().amqp_url, self.service)
        return QUEUES_EVERY


def run_worker(service: Service) -> None:
    """Returns after SIGTERM, when the events in hand are done."""
    configure(service.name, "worker", settings().log_level)
    runtime = Runtime(service)
    runtime.health.serve(settings().health_host, settings().health_port)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _signal, _frame: eventlet.spawn(runtime.stop))
    runtime.run()
