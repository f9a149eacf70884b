"""The database's own guard: the role of the application, without a scope, sees nothing in any table that hangs on a site,
whatever the query forgets; also on a connection that had a scope before."""

from contextlib import closing

import psycopg2
import pytest
from psycopg2 import sql
from sqlalchemy.engine import make_url

from tests.support.case import Case
from tests.support.company import Company
from tests.support.databases import databases
from tests.support.suites import RunningSuite

SERVICES = ("orders", "inventory", "finance", "callcenter", "gateway")
SCOPED = """SELECT c.relname, c.relrowsecurity FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attname = 'org_path' AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
    AND NOT a.attisdropped ORDER BY 1"""


@pytest.fixture(scope="module")
def lived_in(company: Company) -> Company:
    """A suite with rows in every table of a case."""
    Case(company).walk()
    return company


def connect(suite: RunningSuite, service: str) -> "psycopg2.extensions.connection":
    url = make_url(databases(suite)[service].app_url)
    return psycopg2.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))


def visible(cursor: "psycopg2.extensions.cursor", table: str) -> int:
    cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
    row = cursor.fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize("service", SERVICES)
def test_without_scope_nothing(suite: RunningSuite, lived_in: Company, service: str):
    with closing(connect(suite, service)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)
        cursor.execute(SCOPED)
        tables = cursor.fetchall()
        assert tables, f"{service} has no scoped table"
        unguarded = [name for name, guarded in tables if not guarded]
        assert not unguarded, f"without row-level security: {unguarded}"
        for table, _ in tables:
            assert visible(cursor, table) == 0, f"{service}.{table} without scope"
        cursor.execute("SELECT set_config('app.scope', '/', false)")
        assert any(visible(cursor, table) for table, _ in tables), "there is something to hide"
        cursor.execute("SELECT set_config('app.scope', '', false)")
        for table, _ in tables:
            assert visible(cursor, table) == 0, f"{service}.{table} with an empty scope"


@pytest.mark.parametrize("service", ("orders", "inventory", "finance", "callcenter"))
def test_a_reused_connection_has_no_scope_left(suite: RunningSuite, lived_in: Company, service: str):
    """After SET LOCAL the setting reads as an empty string, not NULL: still nothing."""
    with closing(connect(suite, service)) as connection, connection.cursor() as cursor:
        cursor.execute(SCOPED)
        tables = [name for name, _ in cursor.fetchall()]
        cursor.execute("SET LOCAL app.scope = '/'")
        connection.commit()
        cursor.execute("SELECT current_setting('app.scope', true)")
        assert cursor.fetchone() == ("",)
        assert [visible(cursor, table) for table in tables] == [0] * len(tables)


def test_a_scope_is_a_folder_not_a_beginning(suite: RunningSuite, lived_in: Company):
    """The scope of site ``A`` does not reach a site whose code begins with the same letters."""
    a, _, _ = lived_in.sites
    with closing(connect(suite, "orders")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', %s, false)", (a.path,))
        cursor.execute("SELECT DISTINCT org_path FROM work_orders")
        assert {path for (path,) in cursor.fetchall()} == {a.path}
        cursor.execute("SELECT set_config('app.scope', %s, false)", (a.path[:-2] + "%/",))
        assert visible(cursor, "work_orders") == 0, "wildcards of LIKE are letters here"


def test_the_application_cannot_write_into_another_scope(suite: RunningSuite, lived_in: Company):
    a, b, _ = lived_in.sites
    with closing(connect(suite, "orders")) as connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL app.scope = %s", (a.path,))
        with pytest.raises(psycopg2.Error) as refused:
            cursor.execute("UPDATE work_orders SET org_path = %s", (b.path,))
        assert refused.value.pgcode == "42501"
