"""The database's own guard, probed by SQL as each service's role for every table the catalogue has: what lies outside the
scope can be neither read nor changed, removed, moved or planted, whatever a query forgets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import connection as Connection, cursor as Cursor
from sqlalchemy.engine import make_url

from chassis.db.statements import scope_of
from chassis.domain.principal import Principal
from tests.security.matrix.cells import table as expectations
from tests.security.matrix.world import TWO_SITES, UNKNOWN, World
from tests.support.databases import databases

pytestmark = pytest.mark.slow

SERVICES = ("orders", "inventory", "finance", "callcenter", "gateway")
TABLES = """SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
      EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_path' AND NOT a.attisdropped)
    FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY 1"""
COLUMNS = """SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
    AND attidentity = '' AND attgenerated = '' AND attname <> 'org_path'"""
HELD = "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'held_path'"
NOT_BETWEEN = " AND held_path IS NULL AND bound_path IS NULL"
"""What another site has, or shall receive, is seen there as well: tests/integration/orders/test_custody_in_the_database.py."""
REFUSED = "42501"
"""insufficient_privilege: row-level security, or a ledger that only grows."""


@pytest.fixture
def probe(world: World, service: str) -> Iterator[Connection]:
    url = make_url(databases(world.suite)[service].app_url).set(drivername="postgresql")
    with closing(psycopg2.connect(url.render_as_string(hide_password=False))) as connection:
        yield connection


def scoped(cursor: Cursor) -> list[str]:
    cursor.execute(TABLES)
    return [name for name, _, _, has_path in cursor.fetchall() if has_path and name not in expectations()["unscoped_tables"]]


def rows_touched(connection: Connection, scope: str, statement: sql.Composable, *values: object, party: str = "") -> int:
    """How many rows a statement under this scope, and this party's, touched; -1 when the database refused it. Nothing is kept."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(*scope_of(Principal("probe", scope, party=party)))
            cursor.execute(statement, values)
            return int(cursor.rowcount)
    except psycopg2.Error as error:
        assert error.pgcode == REFUSED, f"{statement}: {error}"
        return -1
    finally:
        connection.rollback()


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_is_guarded_or_named(probe: Connection, service: str):
    """A new table carries org_path and forced row-level security, or stands in expectations.yaml with its reason."""
    with probe.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user")
        assert cursor.fetchone() == (0,), "the service's role owns tables: it could switch the guard off"
        cursor.execute(TABLES)
        for name, guarded, forced, has_path in cursor.fetchall():
            reason = expectations()["unscoped_tables"].get(name)
            if reason is None:
                assert has_path, f"{service}.{name}: no org_path and no reason in expectations.yaml"
                assert guarded, f"{service}.{name}: no row-level security"
                assert forced, f"{service}.{name}: row-level security does not hold for its owner"


def _not_of(columns: list[str], world: World) -> sql.Composable:
    """Rows of documents between two sites are left out: they are seen where these are."""
    ids = [id for kind in TWO_SITES for id in world.documents[kind].values()]
    of = [column for column in ("work_order_id", "entity_id", "owner_id") if column in columns]
    return sql.SQL("").join(sql.SQL(" AND {} <> ALL ({}::uuid[])").format(sql.Identifier(column), sql.Literal(ids)) for column in of)


@pytest.mark.parametrize("service", SERVICES)
def test_out_of_scope_can_be_neither_seen_nor_touched(world: World, probe: Connection, service: str, told: list[str]):
    """Scope of site A against the rows of site C, which lies in another branch; and of A's siblings."""
    here, there = world.company.sites[0].path, world.company.sites[2].path
    with probe.cursor() as cursor:
        tables = scoped(cursor)
        cursor.execute(HELD)
        between = {name for (name,) in cursor.fetchall()}
        columns_of = every_table(cursor)
    probed = 0
    for name in tables:
        table = sql.Identifier(name)
        foreign = rows_touched(probe, there, sql.SQL("SELECT 1 FROM {} WHERE org_path LIKE %s").format(table), there + "%")
        where = sql.SQL(" WHERE org_path = %s" + (NOT_BETWEEN if name in between else "")) + _not_of(columns_of[name], world)
        for scope in (here, world.company.sites[1].path, world.company.north.path, "", "/HQ/%", there[:-2] + "_/"):
            for statement in ("SELECT 1 FROM {}", "UPDATE {} SET org_path = org_path", "DELETE FROM {}"):
                touched = rows_touched(probe, scope, sql.SQL(statement).format(table) + where, there)
                assert touched in (0, -1), f"{service}.{name}: {statement} under {scope!r} touched {touched} of {there}"
                probed += 1
        assert rows_touched(probe, "", sql.SQL("SELECT 1 FROM {}").format(table)) == 0
        # Moving the own row away and planting one elsewhere.
        moved = rows_touched(probe, here, sql.SQL("UPDATE {} SET org_path = %s").format(table), there)
        assert moved in (0, -1), f"{service}.{name}: {moved} rows moved to {there}"
        with probe.cursor() as cursor:
            cursor.execute(COLUMNS, (name,))
            columns = sql.SQL(", ").join(sql.Identifier(column) for (column,) in cursor.fetchall())
        plant = sql.SQL("INSERT INTO {t} ({c}, org_path) SELECT {c}, %s FROM {t} WHERE org_path = %s LIMIT 1").format(t=table, c=columns)
        planted = rows_touched(probe, here, plant, there, here)
        assert planted in (0, -1), f"{service}.{name}: a row planted in {there}"
        probed += 3
        assert foreign >= 0
    told.append(f"row-level security of {service}: {len(tables)} tables, {probed} statements")


@pytest.mark.parametrize("service", SERVICES)
def test_the_probe_sees_what_is_in_scope(world: World, probe: Connection, service: str):
    """So that nothing above passes because a table is empty: nearly every table has rows of A and of C."""
    with probe.cursor() as cursor:
        tables = scoped(cursor)
    empty = [name for name in tables
             if rows_touched(probe, world.company.sites[2].path, sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(name))) == 0]
    assert len(empty) <= max(1, len(tables) // 4), f"{service}: nothing to hide in {empty}"


def every_table(cursor: Cursor) -> dict[str, list[str]]:
    """All tables, with their columns that an UPDATE may name."""
    cursor.execute(TABLES)
    found = {name: [] for name, *_ in cursor.fetchall()}
    for name, columns in found.items():
        cursor.execute(COLUMNS, (name,))
        columns += [column for (column,) in cursor.fetchall()]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_a_stranger_sees_and_changes_nothing_in_any_table(world: World, probe: Connection, service: str, told: list[str]):
    """G-10, from the catalogue: the scope is all of the company, the party one that nobody is."""
    with probe.cursor() as cursor:
        tables = every_table(cursor)
    probed = 0
    for name in sorted(tables.keys() - expectations()["open_to_outsiders"].keys()):
        table = sql.Identifier(name)
        for party in (UNKNOWN, world.outsiders["supplier"].reference):
            updates = [sql.SQL("UPDATE {} SET {c} = {c}").format(table, c=sql.Identifier(column)) for column in tables[name]]
            for statement in (sql.SQL("SELECT 1 FROM {}").format(table), sql.SQL("DELETE FROM {}").format(table), *updates):
                touched = rows_touched(probe, "/", statement, party=party)
                assert touched in (0, -1), f"{service}.{name}: {statement} touched {touched} as a stranger"
                probed += 1
    told.append(f"party's guard of {service}: {len(tables)} tables, {probed} statements")


ANSWERED = {
    "work_orders": {"approved_version", "waiting_for", "promised_at", "version", "updated_at", "updated_by"},
    "quotes": {"state", "approved_by", "reason"},
}
"""Columns of its own order and its newest quote that a customer's answer changes; of nothing else may it change anything."""


@pytest.mark.parametrize("service", SERVICES)
def test_a_party_sees_rows_of_its_own_and_changes_an_answer_at_most(world: World, probe: Connection, service: str):
    with probe.cursor() as cursor:
        tables = every_table(cursor)
    for kind, own in world.outsiders.items():
        for name in sorted(tables.keys() - expectations()["open_to_outsiders"].keys()):
            table = sql.Identifier(name)
            column = {"customer": "customer_id", "dealer": "dealer_id"}.get(kind)
            if column in tables[name] and name not in ("devices",):
                others = sql.SQL("SELECT 1 FROM {} WHERE {} IS DISTINCT FROM %s").format(table, sql.Identifier(str(column)))
                assert rows_touched(probe, "/", others, own.reference, party=own.reference) in (0, -1), f"{name} shows {kind} others'"
            for changed in tables[name]:
                update = sql.SQL("UPDATE {} SET {c} = {c}").format(table, c=sql.Identifier(changed))
                touched = rows_touched(probe, "/", update, party=own.reference)
                may = changed in ANSWERED.get(name, ())
                assert may or touched in (0, -1), f"{service}.{name}.{changed}: {touched} rows changed by {kind}"


def test_a_party_plants_nothing_with_another(world: World):
    """A row of its own, copied under the name of somebody else: refused by the policy, not by a missing right."""
    url = make_url(databases(world.suite)["orders"].app_url).set(drivername="postgresql")
    own, other = world.outsiders["customer"], world.cases["B"]
    with closing(psycopg2.connect(url.render_as_string(hide_password=False))) as connection:
        with connection.cursor() as cursor:
            columns = [name for name in every_table(cursor)["work_orders"] if name not in ("id", "number", "customer_id")]
        plant = sql.SQL("INSERT INTO work_orders (id, number, customer_id, org_path, {c}) SELECT gen_random_uuid(), %s, %s, org_path,"
                        " {c} FROM work_orders WHERE id = %s").format(c=sql.SQL(", ").join(map(sql.Identifier, columns)))
        mine = (f"planted-{own.reference}", own.reference, own.own["work_order"])
        assert rows_touched(connection, "/", plant, *mine, party=own.reference) == 1, "one of its own may be opened"
        assert rows_touched(connection, "/", plant, mine[0], other.customer["id"], mine[2], party=own.reference) == -1
        note = sql.SQL("INSERT INTO journal (entity, entity_id, at, action, actor) VALUES ('work_orders', %s, now(), 'x', 'x')")
        assert rows_touched(connection, "/", note, other.id, party=own.reference) == -1


@pytest.mark.parametrize("service", SERVICES)
def test_the_role_cannot_reach_beyond_its_database(world: World, probe: Connection, service: str):
    """No other service's database, no files of the server, no switching off of the guard."""
    others = [databases(world.suite)[name].app_url for name in SERVICES if name != service]
    own = make_url(databases(world.suite)[service].app_url).set(drivername="postgresql")
    for other in others:
        url = own.set(database=make_url(other).database)
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(url.render_as_string(hide_password=False)).close()
    for statement in ("SET row_security = off; SELECT count(*) FROM journal", "SELECT pg_read_file('/etc/passwd')",
                      "COPY journal TO PROGRAM 'id'", "ALTER TABLE journal DISABLE ROW LEVEL SECURITY",
                      "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP POLICY scope ON journal",
                      "SET ROLE postgres", "CREATE TABLE t (x int)"):
        with pytest.raises(psycopg2.Error) as refused, probe.cursor() as cursor:
            cursor.execute(statement)
        assert refused.value.pgcode in (REFUSED, "22023"), f"{statement}: {refused.value}"
        probe.rollback()
