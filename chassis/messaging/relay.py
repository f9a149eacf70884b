"""The relay process of a service: outbox rows to RabbitMQ. Several may run; they share the rows between them.

A row is marked sent after the broker confirmed it, in the transaction that claimed it. Dying in between sends it again,
which inboxes do not mind.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from time import time_ns

from chassis.messaging import outbox, topology
from chassis.messaging.listener import Listener
from chassis.messaging.publisher import BrokerAway, Message, Publisher
from chassis.ops import failpoints, metrics, trace
from chassis.ops.health import Health
from chassis.ops.logging import configure
from chassis.ops.loops import MEASURE, Every, Stop, repeat
from chassis.ops.settings import settings
from chassis.service import Service, suite as whole_suite

BATCH = 500
POLL = 1.0  # seconds, should a notification get lost


class Relay:
    """Runs until ``stop``: claims, publishes, marks; connects again after a loss of either side."""

    def __init__(self, service: Service, suite: Sequence[Service], stop: Stop, health: Health) -> None:
        self.service, self.suite, self.stop, self.health = service, suite, stop, health
        self.name = f"{settings().amqp_prefix}.{service.name}.relay"
        self.connected = False
        self._measuring = Every(MEASURE)
        health.check("broker and database", lambda: self.connected)

    def run(self) -> None:
        repeat("relay", self._session, self.stop, self.health)

    def _session(self) -> float:
        """As long as both connections last; raises when one is lost."""
        with ExitStack() as stack:
            listener = stack.enter_context(closing(Listener(settings().database_url(self.service.name), self.name)))
            topology.declare(settings().amqp_url, self.suite)
            parameters = topology.parameters(settings().amqp_url, self.name)
            publisher = stack.enter_context(closing(Publisher(parameters, topology.exchange())))
            stack.callback(setattr, self, "connected", False)
            self.connected = True
            while not self.stop.is_set:
                self.health.beat("relay")
                more = self._send(listener, publisher)
                if not publisher.usable:
                    raise BrokerAway("connection lost or too slow")
                if self._measuring.due():
                    outbox.measure(self.service.name, listener.connection)
                if not more:
                    listener.wait(POLL, self.stop)
        return 0.0

    def _send(self, listener: Listener, publisher: Publisher) -> bool:
        """One batch in one transaction; whether more may wait."""
        with outbox.claim(listener.connection, BATCH) as claim:
            began = time_ns()
            confirmed = publisher.publish([Message(row.id, row.type, row.body) for row in claim.rows])
            if confirmed:
                failpoints.hit("relay.confirmed", self.service.name)
            claim.sent([claim.rows[index].position for index in confirmed])
        metrics.SENT.labels(self.service.name).inc(len(confirmed))
        for index in confirmed if trace.ON else ():
            outbox.trace_sent(self.service.name, claim.rows[index], began)
        return bool(confirmed) and (claim.full or len(confirmed) < len(claim.rows))


def run_relay(service: Service, suite: Sequence[Service] | None = None) -> None:
    """The relay's process: returns after SIGTERM, when the batch in hand is done. ``suite``: all services, whose queues
    it declares; those of this repository unless given."""
    configure(service.name, "relay", settings().log_level)
    stop, health = Stop(), Health(f"{service.name}.relay")
    metrics.from_zero(service.name, (), ())
    stop.on_signals()
    health.serve(settings().health_host, settings().health_port)
    Relay(service, suite or whole_suite(), stop, health).run()
    trace.flush()
