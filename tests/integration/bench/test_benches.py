"""The benchmarks in a size of a few seconds: they run, they find what they are there to find, and they say so."""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from bench import balances, beside, books, consume, lists, plans, relay, statements
from bench.filling import Company
from bench.plans import Seen
from chassis.domain.principal import Principal
from chassis.ops.settings import settings
from chassis.service import ROOT, Service
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.suite import EMBEDDED, Suite
from services.callcenter.app import SERVICE
from services.finance.app import SERVICE as FINANCE
from services.inventory.app import SERVICE as INVENTORY
from tests.support import servers
from tests.support.client import Client
from tests.support.database import ServiceDatabase, service_database
from tests.support.suites import RunningSuite

ORDERS = 15_000  # more rows than one step of a statement may read


@pytest.fixture
def environment() -> Iterator[None]:
    """What a benchmark puts into this process's environment is gone afterwards."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    settings.cache_clear()


@pytest.fixture(scope="module")
def filled(database_server: str) -> Iterator[ServiceDatabase]:
    with service_database(database_server, SERVICE) as database:
        Company(ORDERS).fill(SERVICE, database_server, str(database.owner.url.database))
        yield database


def plan(database: ServiceDatabase, statement: str) -> plans.Plan:
    return plans.explain(database.engine, Principal.system("test"), Seen(statement, {}, 0.0))


def test_a_company_is_filled_and_its_documents_belong_together(filled: ServiceDatabase):
    with filled.uow() as uow:
        (row,) = uow.rows(sa.text("SELECT count(*) AS n, count(DISTINCT site_id) AS sites FROM revisits"))
        owners = uow.scalar(sa.text("SELECT count(*) FROM revisits r JOIN customers c ON c.id = r.customer_id"))
    assert (row.n, row.sites, owners) == (ORDERS, Company(ORDERS).sites, ORDERS)


def test_a_statement_that_reads_a_whole_table_is_found(filled: ServiceDatabase):
    page = "SELECT * FROM revisits ORDER BY completed_on DESC, id DESC LIMIT 51"
    assert plan(filled, page).wide == []
    whole = plan(filled, page.replace("completed_on", "completed_on + 0"))
    assert any("15,000 rows" in step for step in whole.wide), whole.wide


@pytest.mark.long
@pytest.mark.parametrize(("only", "kind"), [
    ("callcenter.revisits.search", "sort=completed_on, deep"), ("callcenter.customers.search", "phone="),
    ("finance.ledger.search", "sort=posted_at, deep"),
])  # fmt: skip
def test_lists_at_two_sizes(environment: None, capsys: pytest.CaptureFixture[str], only: str, kind: str):
    lists.run(argparse.Namespace(orders=2 * ORDERS, beside=1000, repeat=1, only=only, plans=False))
    told = capsys.readouterr().out
    reads = [line for line in told.splitlines() if "reads too much" in line and "(known" not in line]
    assert f"{only.partition('.')[2]} {kind}" in told and not reads, told


def test_what_a_call_sends_is_counted_and_then_nothing_is_logged(suite: RunningSuite, admin: Client):
    """Of a suite whose roles keep their statements out of the log (C-04)."""
    if suite.mode != EMBEDDED:
        pytest.skip("the log of a server of somebody else's is not ours to read")
    with Suite.open(suite.data, running=True) as opened:
        server, log = EmbeddedPostgres(opened.folder.postgres).url(), opened.folder.logs / "postgres.log"
        with statements.logged(server, log) as sent:
            admin.get("/sites")
        counted = statements.count(statements.of_cases(sent, opened.databases))
        assert counted["orders.http"][0] >= 1 and counted["orders.http"][1] >= 1, counted
        with statements.administrator(server) as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname LIKE '%\\_app' AND NOT 'log_statement=none' = ANY(rolconfig)")
            assert cursor.fetchall() == []


def test_what_needs_no_suite_brings_its_own_ring():
    environment = {name: value for name, value in os.environ.items() if name != "AFTERSALES_KEYRING"}
    command = ["./aftersales", "bench", "lists", "--orders", "60", "--beside", "30", "--repeat", "1", "--only", "callcenter.revisits.search"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1) and "p95 of 1 calls" in done.stdout, done.stdout + done.stderr


# What stands for a party in accounts with open items is what is open of them; bins and pieces are what their shelf says.
AGREE = (
    (FINANCE, books.fill_finance, """SELECT 1 FROM party_balances b FULL JOIN (SELECT party_id, account, site_id, sum(open_amount) AS amount FROM open_items
        GROUP BY 1, 2, 3) i USING (party_id, account, site_id) WHERE b.amount IS DISTINCT FROM i.amount
        UNION ALL SELECT 1 FROM ledger_postings p WHERE entry_count <> (SELECT count(*) FROM ledger_entries WHERE posting_id = p.id)
        UNION ALL SELECT 1 FROM (SELECT sum(amount) AS off FROM account_balances HAVING sum(amount) <> 0 OR count(*) = 0) a"""),
    (INVENTORY, books.fill_inventory, """SELECT 1 FROM stock s JOIN warehouses w ON w.id = s.warehouse_id WHERE w.org_path <> s.org_path OR w.quality <> s.quality
        OR coalesce(binned, 0) <> (SELECT coalesce(sum(on_hand), 0) FROM bin_stock b WHERE (b.warehouse_id, b.part_id) = (s.warehouse_id, s.part_id))
        OR CASE WHEN serial_tracked THEN on_hand ELSE 0 END <> (SELECT count(*) FROM serials x WHERE (x.warehouse_id, x.part_id) = (s.warehouse_id, s.part_id))
        UNION ALL SELECT 1 FROM (SELECT count(*) AS n FROM stock) made WHERE n <> 4000"""),
)  # fmt: skip


@pytest.mark.parametrize(("service", "fill", "off"), AGREE, ids=["finance", "inventory"])
def test_full_books_agree(database_server: str, service: Service, fill: Callable[[str, int], None], off: str):
    with service_database(database_server, service) as database:
        fill(books.superuser_url(database_server, database.owner.url.database), 4000)
        with database.uow() as uow:
            assert uow.rows(sa.text(off)) == []


def test_balances_of_small_books(environment: None, capsys: pytest.CaptureFixture[str]):
    assert balances.run(argparse.Namespace(postings=4000, stock=4000, repeat=2, plans=False)) in (0, 1), "it ended; its figures are the machine's"
    told = capsys.readouterr().out
    asked = [question for questions in balances.QUESTIONS.values() for question in questions]
    assert [question for question in asked if told.count(question) < len(balances.SCOPES)] == [], told
    assert "of the ledger" not in told, told


@pytest.fixture
def broker() -> None:
    found, how = servers.find()
    if found is None:
        pytest.skip(f"real servers: {how}")
    found.close()


def test_relay_and_consumers_beside_their_floors(environment: None, broker: None, capsys: pytest.CaptureFixture[str]):
    for bench, rows in ((relay, ["relay"]), (consume, ["inbox", "worker"])):
        assert bench.run(argparse.Namespace(events=60, rounds=1)) in (0, 1), "it ended; its figures are the machine's"
        told = capsys.readouterr().out
        assert all(row in told for row in rows) and "inf" not in told, told


@pytest.mark.long
def test_code_beside_itself(capsys: pytest.CaptureFixture[str]):
    options = {"turns": 1, "cases": 4, "clients": 2, "least": 0.0}
    assert beside.run(argparse.Namespace(checkout=ROOT, **options)) == 0
    assert "median" in capsys.readouterr().out
