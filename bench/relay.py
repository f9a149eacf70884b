"""`bench relay`: events of 500 bytes a second from the outbox to RabbitMQ, beside pika's pipelined confirms alone."""

from __future__ import annotations

import argparse
import threading
import time
from typing import Any

import orjson
from rich.console import Console

from bench import ratios
from bench.exchange import TYPE, Exchange, envelope, exchange, until
from chassis.domain.aggregate import new_id
from chassis.messaging import topology
from chassis.messaging.publisher import Message, Publisher
from chassis.messaging.relay import BATCH, Relay
from chassis.ops.health import Health
from chassis.ops.loops import Stop
from chassis.ops.settings import settings

REACH = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=5000, help="of each turn (default 5000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")


def run(arguments: argparse.Namespace, _running: Any = None) -> int:
    """0 when at least half of what pika alone sends, else 1."""
    with exchange() as found:
        values, floors = ratios.in_turn(
            arguments.rounds, lambda: _relayed(found, arguments.events), lambda: _published(arguments.events)
        )
    row = ratios.Ratio.of("relay", values, floors, REACH, at_least=True)
    return 0 if ratios.show(Console(highlight=False), "outbox to RabbitMQ", "events/s", "pika alone", [row]) else 1


def _relayed(found: Exchange, count: int) -> float:
    from tests.integration.messaging.mill.app import SERVICE as MILL
    from tests.integration.messaging.shop.app import SERVICE as SHOP

    found.tell(count)
    stop = Stop()
    relay = Relay(SHOP, [SHOP, MILL], stop, Health())
    thread = threading.Thread(target=relay.run)
    thread.start()
    while not relay.connected:  # the floor's queues are declared before it is timed, too
        time.sleep(0.001)
    began = time.time()
    until(lambda: not found.unsent())
    stop.set()
    thread.join(10)
    return count / (found.last_sent() - began)


def _published(count: int) -> float:
    """Events at hand, sent in the relay's batches: no claim, no mark."""
    from tests.integration.messaging.mill.app import SERVICE as MILL
    from tests.integration.messaging.shop.app import SERVICE as SHOP

    events = [orjson.dumps(envelope(new_id(), 1)).decode() for _ in range(count)]
    topology.declare(settings().amqp_url, [SHOP, MILL])
    began = time.monotonic()
    publisher = Publisher(topology.parameters(settings().amqp_url, "bench"), topology.exchange())
    try:
        for start in range(0, count, BATCH):
            batch = [Message(str(start + n), TYPE, body) for n, body in enumerate(events[start:start + BATCH])]
            assert len(publisher.publish(batch)) == len(batch)
        return count / (time.monotonic() - began)
    finally:
        publisher.close()

