"""What the services' own roles cannot do to their databases, whatever the code above sends (R-03, R-10). Ledger and stock
have tests of their own beside finance and inventory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import psycopg2.errors as refused
import pytest
from psycopg2.extensions import cursor as Cursor

from chassis.messaging.inbox import Outcome
from tests.integration.callcenter.conftest import Site as RevisitSite
from tests.integration.finance.conftest import Finance
from tests.integration.orders.conftest import Shop
from tests.support.orders_events import WORKED, billing
from tests.support.serving import Served


@contextmanager
def as_application(served: Served) -> Iterator[Cursor]:
    """A transaction of the service's own role under the widest scope; commits at the end."""
    with closing(psycopg2.connect(served.database.app_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', '/', true)")
        yield cursor


def attempt(served: Served, *statements: str) -> None:
    with as_application(served) as cursor:
        for statement in statements:
            cursor.execute(statement)


TAKEN_BACK = [
    "DELETE FROM outbox", "DELETE FROM outbox WHERE sent_at IS NOT NULL", "UPDATE outbox SET envelope = '{}'",
    "UPDATE outbox SET type = 'x'", "UPDATE outbox SET position = DEFAULT", "TRUNCATE outbox",
    "DELETE FROM inbox", "UPDATE inbox SET event_id = gen_random_uuid()", "UPDATE inbox SET sequence = 0", "TRUNCATE inbox",
    "DELETE FROM journal", "UPDATE journal SET actor = 'nobody'", "TRUNCATE journal",
    "DELETE FROM numbers", "UPDATE numbers SET series = 'x'",
    "UPDATE idempotency SET answer = ''", "UPDATE alembic_version SET version_num = '0'", "DELETE FROM alembic_version",
    "DROP TABLE outbox", "ALTER TABLE outbox DISABLE TRIGGER ALL", "CREATE TABLE mine (id int)",
]


@pytest.mark.parametrize("statement", TAKEN_BACK)
def test_what_was_told_heard_or_written_down_stays(orders: Served, statement: str) -> None:
    with pytest.raises(refused.InsufficientPrivilege):
        attempt(orders, statement)


def test_relay_inbox_and_timers_may_still_do_their_work(orders: Served) -> None:
    shop = Shop(orders)
    attempt(orders,
            f"UPDATE outbox SET sent_at = now(), next_at = NULL, attempts = attempts + 1 WHERE subject = '{shop.site['id']}'",
            f"SELECT 1 FROM outbox WHERE subject = '{shop.site['id']}' FOR UPDATE SKIP LOCKED",
            "SELECT 1 FROM inbox FOR UPDATE SKIP LOCKED", "DELETE FROM idempotency WHERE false")


def test_an_event_is_received_once_and_a_number_given_once(orders: Served) -> None:
    event, received = uuid.uuid4(), "INSERT INTO inbox (event_id, type, source, subject, sequence, state, received_at) VALUES "
    row = f"('{event}', 'x', '/x', 'x', 1, 'done', now())"
    attempt(orders, received + row)
    with pytest.raises(refused.UniqueViolation):
        attempt(orders, received + row)
    key = "INSERT INTO idempotency (principal, request, key, body_hash, status, answer, created_at) VALUES ('a', 'b', 'c', '', 1, '', now())"
    with pytest.raises(refused.UniqueViolation):
        attempt(orders, key, key)
    shop = Shop(orders)
    number, _ = (shop.order().document["number"] for _ in range(2))
    with pytest.raises(refused.UniqueViolation):
        attempt(orders, f"UPDATE work_orders SET number = '{number}' WHERE number <> '{number}'")


def test_orders_keep_their_documents_and_replaced_quotes(orders: Served) -> None:
    job = Shop(orders).order().start().diagnose().quote().quote(hours=2)
    for statement in (
        f"DELETE FROM work_orders WHERE id = '{job.id}'", "DELETE FROM quotes", "UPDATE quotes SET customer_total = 0",
        "UPDATE quote_lines SET net = 0", "DELETE FROM quote_lines", "UPDATE part_returns SET quantity = 9", "DELETE FROM checks",
        "UPDATE checks SET passed = true", "UPDATE hand_overs SET received_by = 'x'", "DELETE FROM diagnoses",
    ):  # fmt: skip
        with pytest.raises(refused.InsufficientPrivilege):
            attempt(orders, statement)
    with pytest.raises(refused.UniqueViolation):
        attempt(orders, f"INSERT INTO quotes SELECT * FROM quotes WHERE work_order_id = '{job.id}'")
    attempt(orders, f"UPDATE quotes SET state = 'approved' WHERE work_order_id = '{job.id}' AND version = 1")
    states = {quote["version"]: quote["state"] for quote in orders.call("GET", f"/work-orders/{job.id}/quotes").json()["items"]}
    assert states == {1: "waiting", 2: "waiting"}, "a replaced version is nobody's to answer"


@pytest.fixture
def bill(finance: Served) -> dict[str, Any]:
    return Finance(finance).site().bill(billing=billing(*WORKED))


PAY = """INSERT INTO payments (id, version, created_at, created_by, updated_at, updated_by, org_path, number, payer, site_id, bill_id,
    work_order_id, method, account_code, amount, currency, received_on) SELECT gen_random_uuid(), 1, now(), 'x', now(), 'x', org_path, 'P' ||
    gen_random_uuid(), 'customer', site_id, id, work_order_id, 'cash', 'cash', {amount}, 'CNY', current_date FROM bills WHERE id = '{id}'"""
SETTLE = "UPDATE bills SET open_amount = 0, state = 'settled' WHERE id = '{id}'"
RECEIVED = """INSERT INTO ledger_entries (id, posting_id, position, account, amount, org_path) SELECT gen_random_uuid(), id,
    90, 'receivable_customers', -{amount}, org_path FROM ledger_postings WHERE bill_id = '{id}' AND source = 'bill'"""


@pytest.mark.parametrize("statements", [(SETTLE,), (PAY,), (PAY, SETTLE), (RECEIVED,), (RECEIVED, SETTLE)],
                         ids=["no payment", "bill not told", "ledger not told", "only the ledger", "no payment but posted"])
def test_a_bill_its_payments_and_the_ledger_agree_or_nothing_is_committed(
    finance: Served, bill: dict[str, Any], statements: tuple[str, ...]
) -> None:
    with pytest.raises(refused.CheckViolation):
        attempt(finance, *(statement.format(id=bill["id"], amount=bill["open_amount"]) for statement in statements))
    assert finance.call("GET", f"/bills/{bill['id']}").json() == bill


@pytest.mark.parametrize("change", ["customer_total = 1", "maker_total = 1", "work_order_id = gen_random_uuid()", "round = 2",
                                    "number = 'x'", "currency = 'EUR'", "issued_on = '2020-01-01'"])
def test_what_was_billed_is_not_rewritten(finance: Served, bill: dict[str, Any], change: str) -> None:
    with pytest.raises(refused.InsufficientPrivilege):
        attempt(finance, f"UPDATE bills SET {change} WHERE id = '{bill['id']}'")
    with pytest.raises(refused.InsufficientPrivilege):
        attempt(finance, "DELETE FROM bills")


def test_a_second_bill_of_a_round_and_a_second_posting_of_a_document(finance: Served, bill: dict[str, Any]) -> None:
    columns = "work_order_id, work_order_number, round, site_id, customer_id, issued_on, currency, net_total, tax_total, total, "\
              "customer_total, maker_total, open_amount, audited, state, org_path, version, created_at, created_by, updated_at, updated_by"
    with pytest.raises(refused.UniqueViolation):
        attempt(finance, f"INSERT INTO bills (id, number, {columns}) SELECT gen_random_uuid(), 'other', {columns} FROM bills "
                         f"WHERE id = '{bill['id']}'")
    posted = "source, source_id, reference, site_id, bill_id, work_order_id, currency, entry_count, posted_at, posted_by, org_path"
    with pytest.raises(refused.UniqueViolation):
        attempt(finance, f"INSERT INTO ledger_postings (id, {posted}) SELECT gen_random_uuid(), {posted} FROM ledger_postings "
                         f"WHERE bill_id = '{bill['id']}'")


def test_one_revisit_per_order_and_none_disappears(callcenter: Served) -> None:
    site = RevisitSite.make(callcenter)
    told = site.completed()
    assert callcenter.receive(told) is Outcome.DONE
    with as_application(callcenter) as cursor:
        cursor.execute("SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = 'revisits'::regclass AND attnum > 0 "
                       "AND NOT attisdropped AND attname <> 'id'")
        (columns,) = cursor.fetchone() or ("",)
    with pytest.raises(refused.UniqueViolation):
        attempt(callcenter, f"INSERT INTO revisits (id, {columns}) SELECT gen_random_uuid(), {columns} FROM revisits "
                            f"WHERE work_order_id = '{told['subject']}'")
    with pytest.raises(refused.CheckViolation):
        attempt(callcenter, "UPDATE revisits SET score = 6")
    with pytest.raises(refused.InsufficientPrivilege):
        attempt(callcenter, "DELETE FROM revisits")
