"""The callcenter service on a database of its own, and the facts other services tell it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome
from services.callcenter.app import SERVICE
from tests.support.orders_events import order
from tests.support.serving import Served, envelope, served

COMPLETED = "aftersales.orders.work_order.completed.v1"


@dataclass
class Site:
    api: Served
    id: uuid.UUID
    path: str

    @classmethod
    def make(cls, api: Served, path: str | None = None, time_zone: str = "Asia/Shanghai", told: bool = True) -> Site:
        site = cls(api, new_id(), path or f"/HQ/N/S{uuid.uuid4().hex[:8]}/")
        if told:
            assert site.tell(time_zone) is Outcome.DONE
        return site

    def tell(self, time_zone: str = "Asia/Shanghai") -> Outcome:
        code = self.path.split("/")[-2]
        data = {"code": code, "name": f"网点 {code}", "org_path": self.path, "time_zone": time_zone}
        return self.api.tell("aftersales.orders.site.created.v1", data, subject=self.id, org_path=self.path)

    def completed(self, **changed: Any) -> dict[str, Any]:
        """The envelope about a completed order of this site."""
        data = order("completed", site_id=str(self.id), **changed)
        return envelope(COMPLETED, data, subject=data["id"], sequence=9, org_path=self.path)

    def revisit(self, **changed: Any) -> dict[str, Any]:
        """The task of a completed order, as the API shows it."""
        told = self.completed(**changed)
        assert self.api.receive(told) is Outcome.DONE
        [task] = self.api.call("GET", "/revisits", work_order_id=told["subject"]).json()["items"]
        assert isinstance(task, dict)
        return task


@pytest.fixture(scope="package")
def api(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(SERVICE, database_server, tmp_path_factory.mktemp("callcenter")) as running:
        yield running


@pytest.fixture
def site(api: Served) -> Site:
    return Site.make(api)
