"""The campaign on servers: a PostgreSQL and a RabbitMQ that it starts itself, each behind a proxy."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import pika

from chassis.events.envelope import CONTENT_TYPE
from deploy.process import WITH_DATABASE
from tests.faults.broker import Broker, scripts
from tests.faults.faults import AGAIN, End, Faults, NotReached
from tests.faults.postgres import TcpPostgres
from tests.faults.proxy import Proxy
from tests.faults.rig import Rig, Suite, patiently
from tests.faults.schedule import SERVERS, Fault
from tests.support.suites import Servers, free_port


def missing() -> str:
    """Why the campaign cannot run on servers here; empty when it can."""
    return "" if scripts() else "no RabbitMQ is installed whose nodes the campaign could start"


class Instances(Servers):
    """Nobody else uses them, and they are gone with the rig: nothing is dropped."""

    def environment(self, prefix: str) -> dict[str, str]:
        return {"AFTERSALES_DATABASE_URL": self.database, "AFTERSALES_AMQP_URL": self.broker, "AFTERSALES_DATABASE_PREFIX": prefix}

    def drop(self, prefix: str) -> None:
        """Nothing."""


class ServersRig(Rig):
    mode = SERVERS

    def __init__(self, plant: str = "", environment: Mapping[str, str] | None = None, nodes: int = 1) -> None:
        super().__init__(plant, environment)
        self.broker = Broker(self.root / "broker", nodes)
        self.postgres: TcpPostgres | None = None
        self.proxies: dict[str, Proxy] = {}

    def _make_suite(self) -> Suite:
        for node in self.broker.nodes:
            node.launch()
        self.postgres = TcpPostgres(self.disk.folder / "server", free_port())
        self.postgres.start()
        self.broker.start()
        self.proxies = {
            "database": Proxy([("127.0.0.1", self.postgres.port)]),
            "broker": Proxy([("127.0.0.1", node.port) for node in self.broker.nodes]),
        }
        servers = Instances(
            self.postgres.server_url(self.proxies["database"].port), f"amqp://guest:guest@127.0.0.1:{self.proxies['broker'].port}/"
        )
        return Suite(servers, folder=self.disk.folder / "数据 of a suite", extra=self.environment)

    def _stop_servers(self) -> None:
        for proxy in self.proxies.values():
            proxy.close()
        self.broker.dispose()
        if self.postgres is not None:
            self.postgres.stop()

    def postmaster(self) -> int:
        assert self.postgres is not None
        if self.postgres.process is None or self.postgres.process.poll() is not None:
            raise TimeoutError("PostgreSQL is down")
        return self.postgres.process.pid

    def revive_database(self) -> None:
        assert self.postgres is not None
        if self.postgres.process is None or self.postgres.process.poll() is not None:
            self.postgres.start()

    def tend(self) -> None:
        patiently(self.revive_database)

    def heal(self) -> None:
        """Whatever is down comes up, whatever is held flows."""
        for proxy in self.proxies.values():
            proxy.stall(False)
            proxy.refuse(False)
        patiently(self.revive_database)
        self.broker.start()

    def administrator(self) -> str:
        assert self.postgres is not None
        return self.postgres.dsn()

    # -- broker ------------------------------------------------------------------------------------------------
    @property
    def prefix(self) -> str:
        return self.suite.prefix.rstrip("_")

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """Past the proxy, in confirm mode."""
        connection = pika.BlockingConnection(pika.URLParameters(self.broker.live().url))
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel
        finally:
            connection.close()

    def depth(self, queue: str) -> int:
        with self.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def undelivered(self) -> Iterator[str]:
        for service in WITH_DATABASE:
            if number := self.depth(f"{self.prefix}.{service}"):
                yield f"{number} messages wait in the queue of {service}"

    def dead_letters(self) -> Iterator[tuple[str, bytes]]:
        """(service, body) of what could not be decoded, taken out."""
        with self.channel() as channel:
            for service in WITH_DATABASE:
                while True:
                    frame, _, body = channel.basic_get(f"{self.prefix}.{service}.undecodable", auto_ack=True)
                    if frame is None:
                        break
                    yield service, body


class ServerFaults(Faults):
    """What can happen to servers and to the way there, beside what can happen everywhere."""

    rig: ServersRig

    def _stop_broker(self, fault: Fault) -> End:
        self.rig.broker.stop()
        return self.rig.broker.start

    def _kill_broker_node(self, fault: Fault) -> End:
        nodes = self.rig.broker.nodes
        node = nodes[int(fault.pick * len(nodes))]
        if fault.target == "leader":
            service = WITH_DATABASE[int(fault.pick * len(WITH_DATABASE))]
            node = self.rig.broker.leader(f"{self.rig.prefix}.{service}") or node
        node.end(signal.SIGKILL)
        return self.rig.broker.start

    def _cut_connections(self, fault: Fault) -> None:
        self.rig.proxies[fault.target].cut()

    def _stall_connections(self, fault: Fault) -> End:
        self.rig.proxies[fault.target].stall(True)
        return lambda: self.rig.proxies[fault.target].stall(False)

    def _refuse_connections(self, fault: Fault) -> End:
        self.rig.proxies[fault.target].refuse(True)
        return lambda: self.rig.proxies[fault.target].refuse(False)

    def _publish_again(self, fault: Fault) -> None:
        """Messages that were sent come out of the broker once or twice more, in no order at all."""
        statement = "SELECT type, envelope FROM outbox WHERE sent_at IS NOT NULL ORDER BY random() LIMIT %s"
        rows = self.rig.rows(fault.target, statement, AGAIN)
        dice = random.Random(fault.pick)
        rows += dice.sample(rows, len(rows) // 3)
        dice.shuffle(rows)
        self._publish(f"{self.rig.prefix}.events", [(type_, orjson.dumps(envelope)) for type_, envelope in rows])

    def _publish_rubbish(self, fault: Fault) -> None:
        """Not JSON, and JSON that is no envelope. Only what the broker took is looked for afterwards."""
        bodies = b"rubbish %d" % self.rubbish, orjson.dumps({"rubbish": self.rubbish})
        self._publish("", [(f"{self.rig.prefix}.orders", body) for body in bodies])
        self.rubbish += len(bodies)

    def _publish(self, exchange: str, messages: Sequence[tuple[str, bytes]]) -> None:
        properties = pika.BasicProperties(content_type=CONTENT_TYPE, content_encoding="utf-8", delivery_mode=2)
        try:
            with self.rig.channel() as channel:
                for key, body in messages:
                    channel.basic_publish(exchange, key, body, properties)
        except pika.exceptions.AMQPError as error:
            raise NotReached(f"the broker is away: {error!r}") from error
