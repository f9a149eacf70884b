"""The gateway's webhooks on a database of their own, real receivers, and senders in threads of this process."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from chassis.domain.aggregate import new_id
from gateway.app import SERVICE
from gateway.identity import bootstrap
from gateway.webhooks import usecases
from gateway.webhooks.addresses import Policy, policy
from gateway.webhooks.client import Client
from gateway.webhooks.sender import Sender
from tests.support.client import eventually
from tests.support.orders_events import order
from tests.support.receiver import Receiver
from tests.support.serving import Served, envelope, served

HERE = "127.0.0.1/32"


@dataclass
class Webhooks:
    """``tell`` is what orders does, ``sending`` runs a sender, ``settled`` waits until nothing waits any more."""

    served: Served
    path: str = field(default_factory=lambda: "/HQ/")

    def create(self, url: str, *events: str, unit: str = "HQ") -> dict[str, Any]:
        body = {"name": "伙伴", "url": url, "events": list(events) or ["aftersales.orders.work_order.*"], "org_unit_code": unit}
        made = self.served.call("POST", "/webhooks", body)
        assert made.status_code == 201, made.text
        document: dict[str, Any] = made.json()
        return document

    def unit(self, kind: str = "branch", parent: str = "HQ") -> dict[str, Any]:
        body = {"code": f"U{uuid.uuid4().hex[:8]}", "name": "单位", "kind": kind, "parent_code": parent}
        made = self.served.call("POST", "/org-units", body)
        assert made.status_code == 201, made.text
        document: dict[str, Any] = made.json()
        return document

    def tell(self, verb: str, subject: uuid.UUID, sequence: int, path: str = "/HQ/N1/S1/") -> dict[str, Any]:
        """An event of orders through the gateway's inbox; the envelope, to be told again."""
        told = envelope(f"aftersales.orders.work_order.{verb}.v1", order(verb, id=str(subject)), subject=subject,
                        sequence=sequence, org_path=path)
        assert self.served.receive(told).value == "done"
        return told

    def order(self, *verbs: str, path: str = "/HQ/N1/S1/") -> uuid.UUID:
        subject = new_id()
        for sequence, verb in enumerate(verbs or ("registered",), start=1):
            self.tell(verb, subject, sequence, path)
        return subject

    def get(self, webhook: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.served.call("GET", f"/webhooks/{webhook['id']}").json()
        return found

    def deliveries(self, webhook: dict[str, Any], **filters: Any) -> list[dict[str, Any]]:
        found = self.served.call("GET", "/webhook-deliveries", webhook_id=webhook["id"], sort="created_at", limit=200, **filters)
        assert found.status_code == 200, found.text
        items: list[dict[str, Any]] = found.json()["items"]
        return items

    def delivery(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.served.call("GET", f"/webhook-deliveries/{id}").json()
        return found

    def becomes(self, webhook: dict[str, Any], *states: str, within: float = 15) -> list[dict[str, Any]]:
        """Waits until the deliveries of the webhook, oldest first, are in these states."""

        def reached() -> list[dict[str, Any]]:
            found = self.deliveries(webhook)
            return found if [one["state"] for one in found] == list(states) else []

        return eventually(reached, f"deliveries become {states}", within)

    def parameter(self, key: str, value: Any) -> None:
        assert self.served.call("PUT", f"/parameters/{key}", {"value": value}).status_code == 200

    def sql(self, statement: str, **parameters: Any) -> None:
        import sqlalchemy as sa

        with self.served.database.uow() as uow:
            uow.execute(sa.text(statement), parameters)

    def due(self) -> None:
        """Time passes: whatever waits may be tried now."""
        self.sql("UPDATE webhook_deliveries SET next_at = now() - interval '1 s' WHERE state = 'queued' AND claim IS NULL")

    @contextmanager
    def sending(self, networks: str = HERE, total: float = 15, **options: Any) -> Iterator[Sender]:
        loop, ready, box = asyncio.new_event_loop(), threading.Event(), []

        async def run() -> None:
            timeout = aiohttp.ClientTimeout(total=total, sock_connect=2)
            sender = Sender(self.served.database.engine, Client(Policy.of(networks), timeout=timeout, **options))
            box.append(sender)
            ready.set()
            await sender.run()

        thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield box[0]
        finally:
            loop.call_soon_threadsafe(box[0].stop)
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def gateway(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFTERSALES_WEBHOOK_NETWORKS", HERE)
        patch.setattr(usecases, "SETTLE", usecases.SETTLE / 10)
        policy.cache_clear()
        with served(SERVICE, database_server, tmp_path_factory.mktemp("webhooks")) as found:
            bootstrap.ensure(found.database.app_url, "rather-long-story-2026")
            yield found
    policy.cache_clear()


@pytest.fixture
def webhooks(gateway: Served) -> Iterator[Webhooks]:
    found = Webhooks(gateway)
    yield found
    found.sql("DELETE FROM webhook_attempts")
    found.sql("DELETE FROM webhook_deliveries")
    found.sql("DELETE FROM webhooks")
    for key, value in (("webhook.first_pause_seconds", 60), ("webhook.failing_days", 5), ("webhook.longest_pause_hours", 24)):
        found.parameter(key, value)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()
