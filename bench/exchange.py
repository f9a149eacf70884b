"""Two small services of the tests on real PostgreSQL and RabbitMQ: shop tells of sales of some 500 bytes, mill keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg2.extras
from sqlalchemy import text

from chassis.domain.aggregate import new_id
from chassis.events import schemas
from chassis.ops.settings import settings
from chassis.service import ROOT
from deploy.local.suite import Refused

TYPE = "aftersales.shop.sale.made.v1"
SIZE = 500


@dataclass
class Exchange:
    """``shop`` and ``mill`` are databases of the tests; ``environment`` makes a process part of this."""

    shop: Any
    mill: Any
    environment: dict[str, str]

    def tell(self, count: int, subjects: int = 0) -> list[dict[str, Any]]:
        """So many events into the outbox; of each subject one after the other, where ``subjects`` are given."""
        ids = [new_id() for _ in range(subjects or count)]
        events = [envelope(ids[index % len(ids)], 1 + index // len(ids)) for index in range(count)]
        rows = [(e["id"], TYPE, e["subject"], e["sequence"], orjson.dumps(e).decode()) for e in events]
        with self.shop.owner.begin() as connection:
            cursor = connection.connection.cursor()
            psycopg2.extras.execute_values(
                cursor, "INSERT INTO outbox (id, type, subject, sequence, envelope, created_at) VALUES %s", rows,
                template="(%s, %s, %s, %s, %s, now())", page_size=1000,
            )
        return events

    def number(self, database: Any, statement: str) -> int:
        with database.uow() as uow:
            return int(uow.scalar(text(statement)))

    def unsent(self) -> int:
        return self.number(self.shop, "SELECT count(*) FROM outbox WHERE sent_at IS NULL")

    def last_sent(self) -> float:
        """When the last event was marked, by the server's clock, which is this machine's."""
        with self.shop.uow() as uow:
            return float(uow.scalar(text("SELECT extract(epoch FROM max(sent_at)) FROM outbox")))

    def handled(self) -> int:
        return self.number(self.mill, "SELECT count(*) FROM mill_effects")

    @contextmanager
    def process(self, kind: str) -> Iterator[int]:
        """``relay`` or ``worker`` as a process of its own; its pid."""
        command = [sys.executable, "-P", "-W", "ignore", "-m", "tests.integration.messaging.run", kind]
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment})
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)


def envelope(subject: uuid.UUID, sequence: int) -> dict[str, Any]:
    found = {
        "specversion": "1.0", "id": str(new_id()), "source": "/shop", "type": TYPE, "subject": str(subject),
        "time": "2026-01-01T00:00:00Z", "datacontenttype": "application/json", "sequence": sequence, "actor": "bench",
        "orgpath": "/HQ/B1/S1/", "data": {"amount": "12.50", "note": ""},
    }
    found["data"]["note"] = "x" * (SIZE - len(orjson.dumps(found)))  # type: ignore[index]
    return found


@contextmanager
def exchange() -> Iterator[Exchange]:
    """Databases and a virtual host of its own. Refused without servers."""
    from tests.integration.messaging.mill.app import SERVICE as MILL
    from tests.integration.messaging.run import CONTRACTS
    from tests.integration.messaging.shop.app import SERVICE as SHOP
    from tests.support import servers
    from tests.support.database import service_database

    schemas.add_root(CONTRACTS)
    found, how = servers.find()
    if found is None:
        raise Refused(f"this needs PostgreSQL and RabbitMQ: {how}")
    host = f"bench_{uuid.uuid4().hex[:10]}"
    with ExitStack() as stack:
        stack.callback(found.close)
        shop, mill = (stack.enter_context(service_database(found.database, one)) for one in (SHOP, MILL))
        environment = {
            "AFTERSALES_DATABASE_URL_SHOP": shop.app_url, "AFTERSALES_DATABASE_URL_MILL": mill.app_url,
            "AFTERSALES_AMQP_URL": found.virtual_host(host), "AFTERSALES_AMQP_PREFIX": "bench", "AFTERSALES_LOG_LEVEL": "WARNING",
        }
        stack.callback(found.drop, host)
        os.environ.update(environment)
        settings.cache_clear()
        yield Exchange(shop, mill, environment)


def until(reached: Any, seconds: float = 300.0) -> float:
    """Waits, looking twenty times a second; when it was (monotonic seconds)."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise Refused("did not end in time")
        time.sleep(0.05)
    return time.monotonic()
