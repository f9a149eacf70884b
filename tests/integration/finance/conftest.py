"""The finance service on a database of its own, and the facts other services tell it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome
from services.finance.app import SERVICE
from tests.support.orders_events import order
from tests.support.serving import Served, served


@dataclass
class Finance:
    served: Served

    def site(self, path: str | None = None, time_zone: str = "Asia/Shanghai") -> Site:
        code = f"S{uuid.uuid4().hex[:8]}"
        site = Site(self, new_id(), path or f"/HQ/N/{code}/")
        data = {"code": code, "name": f"网点 {code}", "org_path": site.path, "time_zone": time_zone}
        assert self.served.tell("aftersales.orders.site.created.v1", data, subject=site.id, org_path=site.path) is Outcome.DONE
        return site


@dataclass
class Site:
    finance: Finance
    id: uuid.UUID
    path: str

    def ready(self, **changed: Any) -> dict[str, Any]:
        """The data of a ready order of this site."""
        return order("ready", site_id=str(self.id), **changed)

    def tell(self, data: dict[str, Any]) -> Outcome:
        return self.finance.served.tell(
            "aftersales.orders.work_order.ready.v1", data, subject=data["id"], sequence=8, org_path=self.path
        )

    def bill(self, **changed: Any) -> dict[str, Any]:
        """A bill of this site, as the API shows it."""
        data = self.ready(**changed)
        assert self.tell(data) is Outcome.DONE
        found = self.finance.served.call("GET", "/bills", work_order_id=data["id"]).json()["items"]
        assert len(found) == 1
        bill: dict[str, Any] = found[0]
        return bill


@pytest.fixture(scope="package")
def finance(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finance]:
    with served(SERVICE, database_server, tmp_path_factory.mktemp("finance")) as running:
        yield Finance(running)


@pytest.fixture
def api(finance: Finance) -> Served:
    return finance.served


@pytest.fixture
def site(finance: Finance) -> Site:
    return finance.site()
