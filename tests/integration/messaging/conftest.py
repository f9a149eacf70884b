"""Two tiny services on real databases: shop publishes sales, mill keeps copies of them."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import pika
import pytest
from sqlalchemy import text

from chassis.events import schemas
from chassis.messaging import inbox
from chassis.ops.settings import settings
from tests.integration.messaging.mill.app import SERVICE as MILL
from tests.integration.messaging.run import CONTRACTS
from tests.integration.messaging.shop.app import SERVICE as SHOP
from tests.integration.messaging.shop.trade.sale import Sale
from tests.support import servers
from tests.support.database import ServiceDatabase, service_database

schemas.add_root(CONTRACTS)


def eventually(reached: Callable[[], Any], seconds: float = 15) -> Any:
    """Waits until something is true and gives it."""
    deadline = monotonic() + seconds
    while not (found := reached()):
        assert monotonic() < deadline, "did not happen in time"
        sleep(0.02)
    return found


@dataclass
class World:
    """Both services, what they wrote, and processes started for the test (killed at its end)."""

    shop: ServiceDatabase
    mill: ServiceDatabase
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def sell(self, *notes: str, amount: str = "12.50", traceparent: str | None = None) -> list[UUID]:
        """One sale per note, each in a transaction of its own; their event ids in order."""
        subjects = []
        for note in notes:
            with self.shop.uow() as uow:
                uow.traceparent = traceparent
                sale = Sale(amount=Decimal(amount), note=note, org_path="/HQ/B1/S1/")
                uow.add(sale)
                sale.make()
                subjects.append(str(sale.id))
        rows = self.rows(self.shop, "SELECT subject, id FROM outbox WHERE subject = ANY(:ids)", ids=subjects)
        found = {row.subject: row.id for row in rows}
        return [found[subject] for subject in subjects]

    def change(self, subject: UUID, amount: str, note: str = "") -> None:
        with self.shop.uow() as uow:
            uow.get(Sale, subject).change(Decimal(amount), note)

    def count(self, subject: UUID, note: str) -> None:
        with self.shop.uow() as uow:
            sale = uow.get(Sale, subject)
            sale.note = note
            sale.record("counted")

    def envelopes(self) -> list[dict[str, Any]]:
        return [row.envelope for row in self.rows(self.shop, "SELECT envelope FROM outbox ORDER BY position")]

    def receive(self, envelope: object) -> inbox.Outcome:
        return inbox.receive(MILL, self.mill.engine, envelope)

    def rows(self, database: ServiceDatabase, sql: str, **values: Any) -> Any:
        with database.uow() as uow:
            return uow.rows(text(sql), values)

    def effects(self) -> list[UUID]:
        return [row.event_id for row in self.rows(self.mill, "SELECT event_id FROM mill_effects ORDER BY at")]

    def copies(self) -> dict[UUID, Decimal]:
        return {row.id: row.amount for row in self.rows(self.mill, "SELECT id, amount FROM mill_sale_copies")}

    def states(self) -> dict[UUID, str]:
        return {row.event_id: row.state for row in self.rows(self.mill, "SELECT event_id, state FROM inbox")}

    def unsent(self) -> int:
        return int(self.rows(self.shop, "SELECT count(*) AS n FROM outbox WHERE sent_at IS NULL")[0].n)

    def switch_on(self) -> None:
        with self.mill.uow() as uow:
            uow.execute(text("INSERT INTO mill_switches VALUES ('on')"))

    def start(self, kind: str, **changed: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.integration.messaging.run", kind]
        process = subprocess.Popen(command, env={**os.environ, **self.environment, **changed})
        self.processes.append(process)
        return process


@pytest.fixture(scope="session")
def databases(database_server: str) -> Iterator[tuple[ServiceDatabase, ServiceDatabase]]:
    with ExitStack() as stack:
        shop, mill = (stack.enter_context(service_database(database_server, one)) for one in (SHOP, MILL))
        yield shop, mill


@pytest.fixture
def world(
    databases: tuple[ServiceDatabase, ServiceDatabase], monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    shop, mill = databases
    for database, tables in (
        (shop, "shop_sales, outbox, inbox"),
        (mill, "mill_sale_copies, mill_effects, mill_switches, mill_ticks, outbox, inbox"),
    ):
        with database.owner.begin() as connection:
            connection.execute(text(f"TRUNCATE {tables}"))
    environment = {
        "AFTERSALES_DATABASE_URL_SHOP": shop.app_url,
        "AFTERSALES_DATABASE_URL_MILL": mill.app_url,
        "AFTERSALES_RETRY_LIMIT": "3",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    found = World(shop, mill, environment)
    yield found
    for process in found.processes:
        process.kill()
        process.wait()
    settings.cache_clear()


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    """A virtual host of this run's own."""
    found, how = servers.find()
    if found is None:
        pytest.skip(f"real servers: {how}")
    name = f"messaging_{uuid.uuid4().hex[:10]}"
    yield found.virtual_host(name)
    found.drop(name)
    found.close()


@dataclass
class Broker:
    """A prefix of its own in the virtual host, and a channel to look at its queues."""

    url: str
    prefix: str
    channel: Any

    def depth(self, queue: str) -> int:
        return int(self.channel.queue_declare(f"{self.prefix}.{queue}", passive=True).method.message_count)

    def consumers(self, queue: str) -> int:
        return int(self.channel.queue_declare(f"{self.prefix}.{queue}", passive=True).method.consumer_count)

    def take(self, queue: str) -> Any:
        return self.channel.basic_get(f"{self.prefix}.{queue}", auto_ack=True)

    def publish(self, type_: str, body: bytes, content_type: str = "application/cloudevents+json") -> None:
        properties = pika.BasicProperties(content_type=content_type, content_encoding="utf-8")
        self.channel.basic_publish(f"{self.prefix}.events", type_, body, properties)


@pytest.fixture
def broker(broker_url: str, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    prefix = f"t{uuid.uuid4().hex[:8]}"
    for name, value in (("AFTERSALES_AMQP_URL", broker_url), ("AFTERSALES_AMQP_PREFIX", prefix)):
        world.environment[name] = value
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    connection = pika.BlockingConnection(pika.URLParameters(broker_url))
    channel = connection.channel()
    yield Broker(broker_url, prefix, channel)
    for process in world.processes:
        process.kill()
        process.wait()
    channel = connection.channel()
    for queue in (f"{prefix}.shop", f"{prefix}.mill"):
        channel.queue_delete(queue)
        channel.queue_delete(f"{queue}.undecodable")
    connection.close()
