"""What outside accounts (G-10) cost: staff's plans say nothing of parties, and an outsider's own page is read by index."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.domain.principal import Principal
from services.orders.app import SERVICE
from tests.support.database import ServiceDatabase, service_database

ROWS = 20_000
CUSTOMER, DEALER = uuid.UUID(int=7), uuid.UUID(int=99_999)
FILL = f"""
INSERT INTO work_orders (id, number, kind, channel, origin, state, site_id, time_zone, customer_id, dealer_id, problem, coverage,
  coverage_reason, quote_version, returned, repaired, unrepaired, reopened, registered_at, org_path, version, created_at, created_by, updated_at, updated_by)
SELECT gen_random_uuid(), 'RE' || n, 'repair', 'web', 'live', 'registered', gen_random_uuid(), 'UTC',
  lpad(to_hex(n % 2000), 32, '0')::uuid, CASE WHEN n % 1000 = 0 THEN '{DEALER}'::uuid END, 'x', 'to_check', '[]', 0, false, false, false, false,
  now(), '/HQ/N/A/', 1, now() - n * interval '1 minute', 'x', now(), 'x' FROM generate_series(1, {ROWS}) n"""
PAGE = "SELECT * FROM work_orders {} ORDER BY created_at DESC, id DESC LIMIT 51"
STAFF = Principal("li", "/HQ/N/")


def outsider(kind: str) -> Principal:
    return Principal("o", "/HQ/", party=str(CUSTOMER if kind == "customer" else DEALER), party_kind=kind)


@pytest.fixture(scope="module")
def filled(database_server: str) -> Any:
    with service_database(database_server, SERVICE) as database:
        with database.uow() as uow:
            uow.execute(sa.text(FILL))
        with database.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
            owner.execute(sa.text("ANALYZE work_orders"))
        yield database


def plan(database: ServiceDatabase, who: Principal, statement: str) -> dict[str, Any]:
    with database.uow(who) as uow:
        [found] = uow.rows(sa.text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"))
    root: dict[str, Any] = found[0][0] if isinstance(found[0], list) else json.loads(found[0])[0]
    return root


def shape(node: dict[str, Any]) -> list[Any]:
    """Kinds of nodes, indexes and conditions, without figures."""
    told = [node.get(key) for key in ("Node Type", "Index Name", "Index Cond", "Filter")]
    return [told, *(shape(inner) for inner in node.get("Plans", ()))]


@pytest.mark.parametrize("where", ["", "WHERE state = 'registered'", f"WHERE customer_id = '{CUSTOMER}'"])
def test_staffs_plans_are_what_they_were(filled: ServiceDatabase, where: str):
    """Without the policies, in the same database: not a node, not an index, not a condition differs."""
    now = plan(filled, STAFF, PAGE.format(where))
    with filled.owner.connect() as owner:
        found = owner.execute(sa.text("SELECT tablename FROM pg_policies WHERE policyname = 'party'")).scalars().all()
        for table in found:
            owner.execute(sa.text(f"DROP POLICY party ON {table}"))
        owner.execute(sa.text("SET LOCAL random_page_cost = 1.1; SET LOCAL jit = off"))  # as chassis/db/engine.py asks for
        owner.execute(sa.text("SELECT set_config('app.scope', '/HQ/N/', true)"))  # it holds for the owner, too
        before = owner.execute(sa.text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {PAGE.format(where)}")).scalar_one()[0]
        owner.rollback()
    assert shape(now["Plan"]) == shape(before["Plan"])
    assert "app.party" not in json.dumps(now)


@pytest.mark.parametrize("kind", ["customer", "dealer"])
def test_an_outsiders_page_costs_its_own_rows(filled: ServiceDatabase, kind: str):
    found = plan(filled, outsider(kind), PAGE.format(""))
    read = found["Plan"]["Shared Hit Blocks"] + found["Plan"]["Shared Read Blocks"]
    with filled.uow(outsider(kind)) as uow:
        rows = uow.scalar(sa.text("SELECT count(*) FROM work_orders"))
    assert rows in (ROWS // 2000, ROWS // 1000)
    assert "Seq Scan" not in json.dumps(found) and read < 10 * rows, f"{read} blocks for {rows} rows"


@pytest.mark.parametrize("column", ["phone_marks"])
def test_searches_by_what_leaks_keep_their_index(filled: ServiceDatabase, column: str):
    """``@>`` is not leakproof: below a policy that says anything it could not use its index."""
    with filled.uow(STAFF) as uow:
        uow.execute(sa.text("SET LOCAL enable_seqscan = off"))
        [found] = uow.rows(sa.text(f"EXPLAIN (FORMAT JSON) SELECT id FROM customer_copies WHERE {column} @> ARRAY[7::bigint]"))
    assert f"ix_customer_copies_{column}" in json.dumps(found[0])
