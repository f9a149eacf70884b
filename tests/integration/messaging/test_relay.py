"""Outbox to RabbitMQ: a row is marked sent only after the broker has the message."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from uuid import UUID

import orjson
import pytest

from chassis.messaging import topology
from chassis.messaging.publisher import Message, Publisher
from chassis.messaging.relay import Relay
from chassis.ops.health import Health
from chassis.ops.loops import Stop
from chassis.ops.settings import settings
from tests.integration.messaging.conftest import MILL, SHOP, Broker, World, eventually
from tests.integration.messaging.proxy import Proxy

pytestmark = pytest.mark.slow


@contextmanager
def running() -> Iterator[Health]:
    stop, health = Stop(), Health()
    thread = threading.Thread(target=Relay(SHOP, [SHOP, MILL], stop, health).run)
    thread.start()
    try:
        yield health
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive(), "does not stop"


def taken(broker: Broker) -> list[UUID]:
    found = []
    while (message := broker.take("mill"))[0] is not None:
        found.append(UUID(orjson.loads(message[2])["id"]))
    return found


def test_sends_in_order_and_marks(world: World, broker: Broker) -> None:
    ids = world.sell(*[""] * 50)
    with running() as health:
        ids += world.sell(*[""] * 10)
        eventually(lambda: not world.unsent())
        assert all({**health.live(), **health.ready()}.values())
    assert taken(broker) == ids


def test_a_type_without_consumer_counts_as_sent(world: World, broker: Broker) -> None:
    from decimal import Decimal

    from tests.integration.messaging.shop.trade.sale import Sale

    with world.shop.uow() as uow:
        sale = Sale(amount=Decimal(1), note="", org_path="/HQ/")
        uow.add(sale)
        sale.record("forgotten")
    with running():
        eventually(lambda: not world.unsent())
    assert taken(broker) == []


def through(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """A proxy in front of the broker, which the relay is told to use."""
    host, _, rest = broker.url.partition("@")[2].partition("/")
    name, _, port = host.partition(":")
    proxy = Proxy(name, int(port or 5672))
    credentials = broker.url.partition("@")[0]
    monkeypatch.setenv("AFTERSALES_AMQP_URL", f"{credentials}@127.0.0.1:{proxy.port}/{rest}")
    settings.cache_clear()
    return proxy


def test_without_a_confirm_a_row_is_not_marked(
    world: World, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with through(broker, monkeypatch) as proxy, running():
        world.sell("")
        eventually(lambda: not world.unsent())
        proxy.upstream.clear()  # what the relay sends gets stuck before the broker
        world.sell(*[""] * 20)
        sleep(1)
        assert world.unsent() == 20
        proxy.cut()
        proxy.upstream.set()
        eventually(lambda: not world.unsent())
    assert len(set(taken(broker))) == len(world.envelopes())


def test_connections_killed_in_the_middle_lose_nothing(
    world: World, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.messaging.relay.BATCH", 20)
    with through(broker, monkeypatch) as proxy, running():
        ids = world.sell("")
        eventually(lambda: not world.unsent())
        for _ in range(5):
            proxy.upstream.clear()
            ids += world.sell(*[""] * 60)
            mark = proxy.passed
            proxy.upstream.set()
            eventually(lambda mark=mark: proxy.passed > mark + 5_000)
            proxy.cut()
        eventually(lambda: not world.unsent(), seconds=30)
        received = taken(broker)
    assert set(received) == set(ids), "delivered again perhaps, but never lost"


def test_a_batch_after_the_loss_does_not_wait_for_confirms(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    with through(broker, monkeypatch) as proxy:
        publisher = Publisher(topology.parameters(settings().amqp_url, "test"), topology.exchange())
        proxy.cut()
        eventually(lambda: not publisher.usable)
        began = monotonic()
        assert publisher.publish([Message("1", "aftersales.shop.sale.made.v1", "{}")]) == set()
        assert monotonic() - began < 5, "of 20 seconds that confirms may take"
        publisher.close()


def test_killed_in_the_middle_nothing_is_lost(world: World, broker: Broker) -> None:
    topology.declare(broker.url, [SHOP, MILL])
    ids = world.sell(*[""] * 800)
    process = world.start("relay")
    eventually(lambda: broker.depth("mill") > 0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first, second = world.start("relay"), world.start("relay")
    eventually(lambda: not world.unsent())
    assert set(taken(broker)) == set(ids)
    started = monotonic()
    for process in (first, second):
        process.terminate()
    assert [process.wait(20) for process in (first, second)] == [0, 0]
    assert monotonic() - started < 5


def test_starts_without_a_broker_and_waits_for_it(
    world: World, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with through(broker, monkeypatch) as proxy:
        proxy.refuse()
        ids = world.sell("")
        with running() as health:
            sleep(1)
            assert health.ready() == {"broker and database": False}
            assert all(health.live().values())
            proxy.accept()
            eventually(lambda: not world.unsent())
    assert taken(broker) == ids
