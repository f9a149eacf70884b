"""Worked example 'Scope': a site never sees another site's order, whichever way it asks; branch and HQ do (R-06)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from chassis.db.base import Base
from chassis.db.tables import metadata_of
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from services.orders.app import SERVICE
from tests.integration.orders.conftest import Job, Shop
from tests.support.serving import Served


@dataclass
class World:
    """Two sites of one branch and one of another, each with an order about the same thing."""

    near: Job
    beside: Job
    far: Job
    word: str
    customer: str

    @property
    def all(self) -> dict[str, Job]:
        return {"near": self.near, "beside": self.beside, "far": self.far}


@pytest.fixture(scope="module")
def world(api: Served) -> World:
    shops = [Shop(api, branch=branch) for branch in ("EAST", "EAST", "WEST")]
    word = f"bang{shops[0].code.lower()}"
    customer = shops[0].customer("+8613900139000")
    jobs = [shop.order(problem=f"a {word} 异响", customer_id=customer, external_id=word) for shop in shops]
    for job in jobs:
        job.start().diagnose().quote()
    return World(*jobs, word=word, customer=customer)


SEES = {
    "site": ("/HQ/EAST/{near}/", {"near"}),
    "branch": ("/HQ/EAST/", {"near", "beside"}),
    "other branch": ("/HQ/WEST/", {"far"}),
    "hq": ("/HQ/", {"near", "beside", "far"}),
    "nobody": ("/HQ/SOUTH/", set()),
    "a namesake": ("/HQ/EAS", set()),
}


@pytest.mark.parametrize("who", SEES)
def test_who_sees_what(api: Served, world: World, who: str):
    scope, visible = SEES[who]
    scope = scope.format(near=world.near.shop.code)
    if who == "a namesake":
        scope = "/HQ/EAST/" + world.near.shop.code[:-1] + "/"
    ids = {world.all[name].id for name in visible}

    def items(**filters: Any) -> set[str]:
        return {
            item["id"] for item in api.call("GET", "/work-orders", scope=scope, **filters).json()["items"]
        }

    assert items(q=world.word) == ids, "search by word"
    assert items(q="异响", external_id=world.word) == ids
    assert items(q="139 0013 9000", external_id=world.word) == ids, "search by phone"
    assert items(external_id=world.word) == ids, "list"
    assert items(customer_id=world.customer, state="in_repair", waiting_for="approval") == ids
    counted = api.call("GET", "/work-orders", scope=scope, external_id=world.word, total="true").json()
    assert counted["total"] == len(ids), "count"
    for name, job in world.all.items():
        expected = 200 if name in visible else 404
        assert items(q=job.document["number"]) == ({job.id} if name in visible else set()), "search by number"
        assert items(site_id=job.shop.site["id"]) == ({job.id} if name in visible else set())
        for tail in ("", "/timeline", "/quotes"):
            assert api.call("GET", f"/work-orders/{job.id}{tail}", scope=scope).status_code == expected, tail
        assert api.call("GET", f"/sites/{job.shop.site['id']}", scope=scope).status_code == expected
        assert (
            api.call("GET", f"/technicians/{job.shop.technician['id']}", scope=scope).status_code == expected
        )
    assert {row["id"] for row in as_csv(api, scope, world.word)} == ids, "export"
    assert as_xlsx(api, scope, world.word) == ids, "export"


def as_csv(api: Served, scope: str, word: str) -> list[dict[str, str]]:
    answer = api.call("GET", "/work-orders", scope=scope, external_id=word, format="csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def as_xlsx(api: Served, scope: str, word: str) -> set[str]:
    answer = api.call("GET", "/work-orders", scope=scope, external_id=word, format="xlsx")
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.content), read_only=True).active.values)
    return {row[rows[0].index("id")] for row in rows[1:]}


def test_another_sites_order_cannot_be_touched(api: Served, world: World):
    scope = f"/HQ/EAST/{world.near.shop.code}/"
    before = world.beside.reload()["version"]
    bodies = {
        "assign": {"technician_id": world.near.shop.technician["id"]},
        "start": {},
        "diagnose": {"symptom": "x", "cause": "x", "finding": "x"},
        "quote": {"labour": [], "parts": []},
        "approve": {"approved_by": "x"},
        "reject": {"reason": "x"},
        "complete": {"work_done": "x"},
        "check": {"passed": True},
        "hand-over": {"received_by": "x"},
        "audit": {},
        "cancel": {"reason": "x"},
        "return-parts": {"lines": [{"part_id": world.near.shop.parts[0], "quantity": 1, "quality": "good"}]},
    }
    for action, body in bodies.items():
        world.near.shop.refused(world.beside.attempt(action, body, scope=scope), 404, "not_found")
    assert world.beside.reload()["version"] == before


def test_documents_cannot_be_made_at_another_site(api: Served, world: World):
    scope, site = f"/HQ/EAST/{world.near.shop.code}/", world.beside.shop.site["id"]
    order = {"kind": "repair", "channel": "web", "site_id": site, "problem": "x"}
    for path, body in (("/work-orders", order), ("/technicians", {"name": "x", "site_id": site})):
        answer = api.call("POST", path, body, scope=scope)
        world.near.shop.refused(answer, 422, "unknown_reference", field="site_id")
    row = {
        "source": "s",
        "external_id": world.word,
        "site_id": site,
        "event_date": "2025-01-01",
        "state": "audited",
    }
    [result] = api.call("POST", "/work-orders/history", {"rows": [row]}, scope=scope).json()["results"]
    assert (result["status"], result["errors"]) == (
        "refused",
        [{"field": "site_id", "code": "unknown_reference"}],
    )
    assert api.call("PATCH", f"/sites/{site}", {"name": "x"}, scope=scope).status_code == 404


def scoped_tables() -> list[str]:
    return sorted(
        table.name
        for table in metadata_of(SERVICE).tables.values()
        if "org_path" in table.columns
    )


@pytest.mark.parametrize("table", scoped_tables())
def test_a_query_without_filter_sees_nothing_out_of_scope(api: Served, world: World, table: str):
    """The service's role, also on a connection that had a scope before."""
    with api.database.engine.connect() as connection:
        for scope in ("/HQ/", None, ""):
            if scope:
                connection.exec_driver_sql("BEGIN")
                connection.exec_driver_sql("SELECT set_config('app.scope', %s, true)", (scope,))
                connection.exec_driver_sql("COMMIT")
            assert connection.exec_driver_sql(f'SELECT count(*) FROM "{table}"').scalar() == 0
    with UnitOfWork(api.database.engine, Principal.of("x", "/HQ/SOUTH/", ["*"])) as uow:
        seen = uow.rows(sa.text(f'SELECT DISTINCT org_path FROM "{table}"'))
    assert all(row.org_path is None for row in seen)


def test_every_table_that_hangs_on_a_site_is_scoped():
    company_wide = {"products", "devices", "directory", "history_keys", "erasures"}
    plain = {"outbox", "inbox", "idempotency", "numbers", "journal", "scope_moves", "number_rules", "subscriptions"}
    for table in metadata_of(SERVICE).tables.values():
        masters = table.name.endswith("_copies") and "work_order_id" not in table.columns
        if table.name not in company_wide | plain and not masters:
            assert "org_path" in table.columns, table.name
    assert Base is not None
