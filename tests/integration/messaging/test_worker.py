"""RabbitMQ to inbox: acknowledged after the commit, never before; what cannot be decoded is not lost."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
import pytest

from chassis.messaging import topology
from tests.integration.messaging.conftest import MILL, SHOP, Broker, World, eventually
from tests.integration.messaging.proxy import Proxy
from tests.support.suites import free_port

pytestmark = pytest.mark.slow
MADE = "aftersales.shop.sale.made.v1"


@pytest.fixture
def mill(world: World, broker: Broker) -> Broker:
    """The broker with queues declared, so that messages can wait for a worker."""
    topology.declare(broker.url, [SHOP, MILL])
    return broker


def send(world: World, broker: Broker, *notes: str) -> list[Any]:
    """Sales published straight to the exchange, as the relay would."""
    ids = world.sell(*notes)
    for envelope in world.envelopes()[-len(notes) :]:
        broker.publish(envelope["type"], orjson.dumps(envelope))
    return ids


@contextmanager
def proxied(url: str, port: int) -> Iterator[tuple[Proxy, str]]:
    parts = urlsplit(url)
    with Proxy(parts.hostname or "127.0.0.1", parts.port or port) as proxy:
        place = parts.netloc.rpartition("@")[0] + f"@127.0.0.1:{proxy.port}"
        yield proxy, urlunsplit(parts._replace(netloc=place))


def test_consumes_repeats_parks_and_ticks(world: World, mill: Broker) -> None:
    poison, waiting, good = send(world, mill, "boom", "waits", "")
    world.start("worker")
    eventually(lambda: good in world.effects())
    world.switch_on()
    eventually(lambda: world.states() == {poison: "parked", waiting: "done", good: "done"})
    eventually(lambda: world.rows(world.mill, "SELECT 1 FROM mill_ticks"))
    assert mill.depth("mill") == mill.depth("mill.undecodable") == 0
    assert sorted(world.effects()) == sorted([waiting, good])


def test_relay_to_worker(world: World, mill: Broker) -> None:
    world.start("relay")
    world.start("worker")
    world.start("worker")
    ids = world.sell(*[""] * 300)
    eventually(lambda: len(world.effects()) >= 300, seconds=30)
    assert sorted(world.effects()) == sorted(ids)
    assert not world.unsent()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"broken', "application/cloudevents+json"),
        (b"\xff\xfe\x00", "application/cloudevents+json"),
        (b'{"specversion": "1.0"}', "application/cloudevents+json"),
        (b"[]", "application/cloudevents+json"),
        (b"cos\nsystem\n(S'true'\ntR.", "application/x-python-serialize"),
    ],
)
def test_what_cannot_be_decoded_goes_to_the_dead_letters(
    world: World, mill: Broker, body: bytes, content_type: str
) -> None:
    mill.publish(MADE, body, content_type)
    good = send(world, mill, "")
    world.start("worker")
    eventually(lambda: world.effects() == good)
    eventually(lambda: mill.depth("mill.undecodable") == 1)
    assert mill.take("mill.undecodable")[2] == body
    assert mill.depth("mill") == 0


def test_killed_between_commit_and_acknowledgement_has_one_effect(world: World, mill: Broker) -> None:
    with proxied(mill.url, 5672) as (proxy, url):
        process = world.start("worker", AFTERSALES_AMQP_URL=url)
        eventually(lambda: mill.consumers("mill") == 1)
        proxy.upstream.clear()  # deliveries come in, acknowledgements get stuck
        ids = send(world, mill, *[""] * 5)
        eventually(lambda: len(world.states()) == 5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        proxy.cut()
    eventually(lambda: mill.depth("mill") == 5, seconds=20)
    port = free_port()
    process = world.start("worker", AFTERSALES_HEALTH_PORT=str(port), AFTERSALES_HEALTH_HOST="127.0.0.1")
    eventually(lambda: 'outcome="duplicate"' in ask(port, "/metrics")[1])
    repeats = f'aftersales_event_seconds_count{{outcome="duplicate",service="mill",type="{MADE}"}} 5.0'
    eventually(lambda: repeats in ask(port, "/metrics")[1])
    process.terminate()
    assert process.wait(20) == 0
    assert mill.depth("mill") == 0, "acknowledged as done before"
    assert sorted(world.effects()) == sorted(ids)


def ask(port: int, path: str) -> tuple[int, str]:
    """Status and text, 0 while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def test_health_tells_whether_it_lives_and_consumes(world: World, mill: Broker) -> None:
    port = free_port()
    world.start("worker", AFTERSALES_HEALTH_PORT=str(port), AFTERSALES_HEALTH_HOST="127.0.0.1")
    eventually(lambda: ask(port, "/ready")[0] == 200)
    assert orjson.loads(ask(port, "/ready")[1]) == {"ok": True, "parts": {"consuming": True}}
    assert eventually(lambda: set(orjson.loads(ask(port, "/live")[1])["parts"]) == {"consumer", "retry", "timers", "queues"})
    assert ask(port, "/else")[0] == 404


def test_a_database_away_for_seconds_burns_no_deliveries(world: World, mill: Broker) -> None:
    with proxied(world.mill.app_url, 5432) as (proxy, url):
        world.start("worker", AFTERSALES_DATABASE_URL_MILL=url)
        first = send(world, mill, "")
        eventually(lambda: world.effects() == first)
        proxy.refuse()
        ids = first + send(world, mill, *[""] * 100)
        sleep(3)
        assert world.effects() == first
        proxy.accept()
        eventually(lambda: len(world.effects()) == 101)
    assert sorted(world.effects()) == sorted(ids)
    assert mill.depth("mill.undecodable") == 0
    assert {row.attempts for row in world.rows(world.mill, "SELECT attempts FROM inbox")} == {1}


def test_while_the_database_is_away_messages_are_held_not_redelivered(world: World, mill: Broker) -> None:
    with proxied(world.mill.app_url, 5432) as (proxy, url):
        process = world.start("worker", AFTERSALES_DATABASE_URL_MILL=url)
        eventually(lambda: world.rows(world.mill, "SELECT 1 FROM mill_ticks"))
        proxy.refuse()
        ids = send(world, mill, "", "")
        sleep(1.5)
        started = monotonic()
        process.terminate()
        assert process.wait(20) == 0
        assert monotonic() - started < 15
    eventually(lambda: mill.depth("mill") == 2)
    method, properties, _body = mill.channel.basic_get(f"{mill.prefix}.mill", auto_ack=False)
    assert (properties.headers or {}).get("x-delivery-count", 1) == 1, "given back once, at the end"
    mill.channel.basic_nack(method.delivery_tag, requeue=True)
    world.start("worker")
    eventually(lambda: sorted(world.effects()) == sorted(ids))


def test_a_lost_broker_connection_is_made_anew(world: World, mill: Broker) -> None:
    with proxied(mill.url, 5672) as (proxy, url):
        world.start("worker", AFTERSALES_AMQP_URL=url)
        ids = send(world, mill, "")
        eventually(lambda: world.effects() == ids)
        proxy.refuse()
        ids += send(world, mill, *[""] * 5)
        sleep(2)
        proxy.accept()
        eventually(lambda: sorted(world.effects()) == sorted(ids), seconds=30)


def test_stops_within_its_grace_and_gives_back_what_it_did_not_begin(world: World, mill: Broker) -> None:
    ids = send(world, mill, *["slow"] * 40)
    process = world.start("worker", AFTERSALES_MAX_WORKERS="2")
    eventually(world.effects)
    started = monotonic()
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(20) == 0
    assert monotonic() - started < 10
    done = len(world.effects())
    assert done < 40
    assert eventually(lambda: mill.depth("mill")) == 40 - done, "nothing was done without being acknowledged"
    world.start("worker")
    eventually(lambda: sorted(world.effects()) == sorted(ids))


def test_an_unfit_queue_of_an_older_release_is_reported_not_used(world: World, broker: Broker) -> None:
    """Declaring with other arguments fails: the process keeps trying and says so, it consumes nothing meanwhile."""
    broker.channel.queue_declare(f"{broker.prefix}.mill", durable=True)
    process = world.start("worker")
    sleep(3)
    assert process.poll() is None
    process.terminate()
    assert process.wait(20) == 0
