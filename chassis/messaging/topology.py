"""Exchanges and queues, declared explicitly and named after services. Declaring again changes nothing.

``<prefix>.events``                topic exchange, routing key = event type
``<prefix>.<service>``             quorum queue bound to the types the service consumes
``<prefix>.<service>.undecodable`` what could not be decoded (or killed its consumer over and over)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pika
from pika.adapters.blocking_connection import BlockingChannel

from chassis.messaging.registry import subscriptions
from chassis.ops import metrics
from chassis.ops.settings import settings
from chassis.service import Service, suite

# How often a message may come back unacknowledged. Handlers' failures and an absent database never count (the inbox
# keeps the first, the worker waits out the second), so only killed consumers do. Versions differ in the default.
DELIVERY_LIMIT = 50


def exchange() -> str:
    return f"{settings().amqp_prefix}.events"


def queue(service: Service) -> str:
    return f"{settings().amqp_prefix}.{service.name}"


def undecodable(service: Service) -> str:
    return f"{queue(service)}.undecodable"


def parameters(url: str, name: str) -> pika.URLParameters:
    """Connection parameters of a named process."""
    found = pika.URLParameters(url)
    found.client_properties = {"connection_name": name}
    found.blocked_connection_timeout = 30
    found.socket_timeout = 5
    return found


@contextmanager
def channel_to(url: str, name: str) -> Iterator[BlockingChannel]:
    """A channel on a connection of its own, which ends with the block."""
    connection = pika.BlockingConnection(parameters(url, name))
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


def declare(url: str, services: Iterable[Service]) -> None:
    """Declare exchange, queues and bindings of these services. A relay declares those of all, since what it sends
    before a consumer's queue exists would reach nobody."""
    with channel_to(url, "aftersales topology") as channel:
        channel.exchange_declare(exchange(), "topic", durable=True)
        for service in services:
            _declare_queues(channel, service)


def clear(url: str, services: Iterable[Service]) -> None:
    """Removes the queues of these services with all that is in them; whoever starts next declares them again."""
    with channel_to(url, "aftersales topology") as channel:
        for service in services:
            channel.queue_delete(queue(service))
            channel.queue_delete(undecodable(service))


def consumed(url: str, queues: Iterable[str]) -> bool:
    """Whether somebody consumes each of these queues now; False while one is not there yet or the broker is away."""
    try:
        with channel_to(url, "aftersales readiness") as channel:
            return all(channel.queue_declare(name, passive=True).method.consumer_count for name in queues)
    except (pika.exceptions.AMQPError, OSError):
        return False


def measure(url: str, service: Service) -> None:
    """Publishes how many messages lie in the service's queue and in its dead-letter queue."""
    with channel_to(url, f"{queue(service)}.measure") as channel:
        for kind, name in (("main", queue(service)), ("undecodable", undecodable(service))):
            waiting = channel.queue_declare(name, passive=True).method.message_count
            metrics.QUEUE.labels(service.name, kind).set(waiting)


def _declare_queues(channel: BlockingChannel, service: Service) -> None:
    dead = undecodable(service)
    channel.exchange_declare(dead, "fanout", durable=True)
    channel.queue_declare(dead, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(dead, dead)
    channel.queue_declare(
        queue(service),
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": dead,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",  # at-least-once asks for it; without a length limit it never rejects
        },
    )
    for binding in subscriptions(service).bindings:
        channel.queue_bind(queue(service), exchange(), routing_key=binding)


if __name__ == "__main__":
    declare(settings().amqp_url, suite())
