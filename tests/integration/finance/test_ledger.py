"""The ledger balances and is never edited, whatever the application's role sends to the database (F-22, R-10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any

import psycopg2
import psycopg2.errors as refused
import pytest
import sqlalchemy as sa
from psycopg2.extensions import cursor as Cursor

from chassis.domain.aggregate import new_id
from services.finance.ledger.chart import CHART, seed
from tests.integration.finance.conftest import Finance, Site
from tests.support.orders_events import WORKED, billing
from tests.support.serving import Served


@contextmanager
def as_application(api: Served, scope: str = "/") -> Iterator[Cursor]:
    """A transaction of the service's own role; commits at the end."""
    with closing(psycopg2.connect(api.database.app_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', %s, true)", (scope,))
        yield cursor


def post(cursor: Cursor, bill: dict[str, Any], path: str, amounts: list[str], count: int | None = None, entry_path: str = "") -> str:
    posting = str(new_id())
    cursor.execute(
        "INSERT INTO ledger_postings (id, source, source_id, reference, site_id, bill_id, work_order_id, currency, entry_count,"
        " posted_at, posted_by, org_path) VALUES (%s, 'refund', %s, 'X', %s, %s, %s, 'CNY', %s, now(), 'me', %s)",
        (posting, str(new_id()), bill["site_id"], bill["id"], bill["work_order_id"], len(amounts) if count is None else count, path),
    )
    for position, amount in enumerate(amounts, 1):
        add(cursor, posting, position, amount, entry_path or path)
    return posting


def add(cursor: Cursor, posting: str, position: int, amount: str, path: str) -> None:
    cursor.execute(
        "INSERT INTO ledger_entries (id, posting_id, position, account, amount, org_path) VALUES (%s, %s, %s, 'cash', %s, %s)",
        (str(new_id()), posting, position, amount, path),
    )


def test_what_balances_is_taken(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    with as_application(api) as cursor:
        posting = post(cursor, bill, site.path, ["5.00", "-3.00", "-2.00"])
    assert len(api.call("GET", "/ledger-entries", posting_id=posting).json()["items"]) == 3


def narrowed(cursor: Cursor) -> None:
    """The caller hides its own entries from the check by leaving their scope before the commit."""
    cursor.execute("SELECT set_config('app.scope', '/elsewhere/', true)")


@pytest.mark.parametrize("before_commit", [lambda cursor: None, narrowed])
@pytest.mark.parametrize(("amounts", "count"), [(["5.00", "-4.99"], 2), (["5.00"], 2), ([], 2), (["5.00", "-5.00"], 3)])
def test_what_does_not_balance_fails_at_commit(
    api: Served, site: Site, amounts: list[str], count: int, before_commit: Callable[[Cursor], None]
) -> None:
    bill = site.bill(billing=billing(*WORKED))

    def attempt() -> None:
        with as_application(api) as cursor:
            post(cursor, bill, site.path, amounts, count)
            before_commit(cursor)

    with pytest.raises(refused.CheckViolation, match="which sum to"):
        attempt()
    assert len(api.rows("SELECT 1 FROM ledger_postings WHERE org_path = :path", path=site.path)) == 1


@pytest.mark.parametrize(("amounts", "count", "why"), [
    (["5.00"], 1, refused.CheckViolation), (["0.00", "0.00"], 2, refused.CheckViolation),
])
def test_postings_of_one_entry_or_of_nothing(api: Served, site: Site, amounts: list[str], count: int, why: type[Exception]) -> None:
    bill = site.bill(billing=billing(*WORKED))
    with pytest.raises(why), as_application(api) as cursor:
        post(cursor, bill, site.path, amounts, count)


def test_entries_of_another_scope_than_their_posting(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    with pytest.raises(refused.ForeignKeyViolation), as_application(api) as cursor:
        post(cursor, bill, site.path, ["5.00", "-5.00"], entry_path="/HQ/")


def test_nothing_is_slipped_into_an_old_posting(api: Served, site: Site) -> None:
    """Not even a pair that balances."""
    site.bill(billing=billing(*WORKED))
    [posting] = api.rows("SELECT id FROM ledger_postings WHERE org_path = :path", path=site.path)

    def attempt() -> None:
        with as_application(api) as cursor:
            add(cursor, str(posting.id), 8, "1.00", site.path)
            add(cursor, str(posting.id), 9, "-1.00", site.path)

    with pytest.raises(refused.CheckViolation, match="has 4 entries, this is number 8"):
        attempt()


@pytest.mark.parametrize("table", ["ledger_postings", "ledger_entries", "payments", "bill_lines", "accounts"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {column} = {column}", "TRUNCATE {} CASCADE"])
def test_what_is_posted_is_never_edited(api: Served, site: Site, table: str, statement: str) -> None:
    column = "number" if table in ("payments", "accounts") else "org_path"
    with pytest.raises(refused.InsufficientPrivilege), as_application(api) as cursor:
        cursor.execute(statement.format(table, column=column))


def test_the_application_does_not_own_the_guard(api: Served) -> None:
    for statement in ("ALTER TABLE ledger_entries DISABLE TRIGGER ALL", "DROP TRIGGER ledger_postings_posted ON ledger_postings",
                      "SET session_replication_role = replica"):
        with pytest.raises(refused.InsufficientPrivilege), as_application(api) as cursor:
            cursor.execute(statement)


def test_a_bill_is_not_overpaid_by_hand(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    for change in ("open_amount = -0.01", "open_amount = 214.82", "state = 'settled'", "open_amount = 0"):
        with pytest.raises(refused.CheckViolation), as_application(api) as cursor:
            cursor.execute(f"UPDATE bills SET {change} WHERE id = %s", (bill["id"],))


@pytest.mark.parametrize("table", ["bills", "bill_lines", "payments", "ledger_postings", "ledger_entries", "site_copies", "journal"])
def test_without_a_scope_nothing_is_seen(api: Served, site: Site, table: str) -> None:
    site.bill(billing=billing(*WORKED))
    with closing(psycopg2.connect(api.database.app_url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone() == (0,)
    # and on a connection that had a scope before, which now reads '' instead of NULL
    with closing(psycopg2.connect(api.database.app_url)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.scope', '/', true)")
        with connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,)


def test_accounts_tell_what_is_open_and_what_was_received(finance: Finance, api: Served) -> None:
    site = finance.site("/HQ/M/ONLY/")
    bill = site.bill(billing=billing(*WORKED))
    site.bill(billing=billing(*WORKED, maker=True))
    for method, amount in (("cash", "100.00"), ("bank", "14.00"), ("card", "0.80"), ("online", "0.01")):
        api.call("POST", f"/bills/{bill['id']}/payments", {"method": method, "amount": amount})
    accounts = api.call("GET", "/accounts", scope=site.path).json()["items"]
    assert {each["code"]: each["balance"] for each in accounts if each["balance"] != "0.00"} == {
        "cash": "100.00", "bank": "14.00", "card_clearing": "0.80", "online_clearing": "0.01",
        "receivable_customers": "100.00", "receivable_makers": "214.81",
        "output_tax": "-49.42", "revenue_labour": "-300.00", "revenue_parts": "-80.20",
    }
    assert sum(Decimal(each["balance"]) for each in accounts) == 0
    assert [each["number"] for each in accounts] == sorted(each["number"] for each in accounts)
    first = api.call("GET", "/accounts", limit=5, scope=site.path).json()
    rest = api.call("GET", "/accounts", limit=200, cursor=first["next_cursor"], scope=site.path).json()
    assert first["items"] + rest["items"] == accounts


def test_entries_by_page_and_id(api: Served, site: Site) -> None:
    site.bill(billing=billing(*WORKED))
    first = api.call("GET", "/ledger-entries", scope=site.path, limit=3, sort="amount", total="true").json()
    rest = api.call("GET", "/ledger-entries", scope=site.path, limit=3, sort="amount", cursor=first["next_cursor"]).json()
    entries = first["items"] + rest["items"]
    assert first["total"] == 4
    assert [entry["amount"] for entry in entries] == ["-150.00", "-40.10", "-24.71", "214.81"]
    assert (entries[3]["debit"], entries[3]["credit"]) == ("214.81", "0.00")
    assert (entries[0]["debit"], entries[0]["credit"]) == ("0.00", "150.00")
    assert api.call("GET", f"/ledger-entries/{entries[0]['id']}").json() == entries[0]
    text = api.call("GET", "/ledger-entries", scope=site.path, format="csv").content.decode("utf-8-sig")
    assert len(text.strip().splitlines()) == 5


def test_the_chart_is_the_releases(api: Served) -> None:
    """Every system account, as its line says, and written again without doing anything."""
    columns = ("code", "number", "nature", "name_zh", "name_en", "method", "payer", "control")
    with api.database.owner.begin() as connection:
        seed(connection)
        rows = connection.execute(sa.text(f"SELECT {', '.join(columns)} FROM accounts WHERE system")).all()
        assert {tuple(row) for row in rows} == {tuple(getattr(account, name) for name in columns) for account in CHART}
        connection.execute(sa.text("UPDATE accounts SET name_zh = 'x' WHERE code = 'cash'"))
        seed(connection)
        assert connection.scalar(sa.text("SELECT name_zh FROM accounts WHERE code = 'cash'")) == "库存现金"


@pytest.mark.parametrize("table", ["bill_lines", "allocations"])
def test_rows_that_follow_a_parent_are_found_by_path_for_moves_alone(api: Served, table: str) -> None:
    """By the owner below row-level security, as ``move_scope`` asks; a look-up by the parent's id has no such choice."""
    with api.database.owner.begin() as connection:
        connection.execute(sa.text("SELECT set_config('app.scope', '/', true), set_config('enable_seqscan', 'off', true)"))
        moves = f"UPDATE {table} SET org_path = org_path WHERE org_path >= '/X/' AND org_path < '/Y/' AND org_path ~>=~ '/X/' AND org_path ~<~ '/Y/'"
        assert f"ix_{table}_moves" in "\n".join(connection.scalars(sa.text(f"EXPLAIN {moves}")))
        assert "Index Cond" not in "\n".join(connection.scalars(sa.text(f"EXPLAIN SELECT 1 FROM {table} WHERE org_path > '/X/'")))
