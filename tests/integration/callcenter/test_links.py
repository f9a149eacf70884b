"""Links and marks of customers in the database itself (R-06): what the application's role can do under which scope, functions against a slow
obvious second way, plans, turned keys."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy.engine import make_url

from chassis import crypto
from chassis.db import resealing
from chassis.db.engine import owner_engine
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from services.callcenter.app import SERVICE
from services.callcenter.customers import queries
from services.callcenter.customers.customer import Customer
from services.callcenter.customers.links import CUSTOMERS
from services.callcenter.privacy.queries import search_consents
from tests.support.database import ServiceDatabase, service_database

HQ, BRANCH, SITE, BESIDE, ELSEWHERE = "/HQ/", "/HQ/B1/", "/HQ/B1/S1/", "/HQ/B1/S2/", "/HQ/B2/S3/"
SCOPES = ("/", HQ, BRANCH, SITE, BESIDE, ELSEWHERE, "/HQ/B2/", "")
START = datetime(2026, 1, 1, tzinfo=UTC)
NEW = """INSERT INTO customers (id, name, phones, version, created_at, created_by, updated_at, updated_by)
    VALUES (%s, '', '', 1, %s, 'x', %s, 'x')"""
CHILD = {
    "consents": """INSERT INTO consents (id, customer_id, kind, given, stated_on, channel, version, created_at, created_by, updated_at, updated_by)
        VALUES (gen_random_uuid(), %s, 'marketing', true, now(), 'paper', 1, now(), 'x', now(), 'x')""",
    "disclosures": """INSERT INTO disclosures (id, customer_id, kind, purpose, data, version, created_at, created_by, updated_at, updated_by)
        VALUES (gen_random_uuid(), %s, 'export', 'x', '[]', 1, now(), 'x', now(), 'x')""",
}
REFUSED = psycopg2.errors.InsufficientPrivilege


@pytest.fixture
def database(database_server: str) -> Iterator[ServiceDatabase]:
    with service_database(database_server, SERVICE) as found:
        yield found


class Role:
    """The service's own role, one transaction under a scope for each statement."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))

    def run(self, scope: str, statement: str, *values: Any, named: str = "", party: str = "") -> list[tuple[Any, ...]]:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.scope', %s, true), set_config('app.named', %s, true)", (scope, named))
            if party:
                cursor.execute("SELECT set_config('app.party', %s, true), set_config('role', regexp_replace(current_user, '_app$', '') || '_outside', true)", (party,))
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]

    def seen(self, scope: str, **how: str) -> set[str]:
        return {str(id) for (id,) in self.run(scope, "SELECT id FROM customers", **how)}

    def new(self, scope: str, at: datetime = START) -> str:
        id = str(uuid.uuid4())
        self.run(scope, NEW, id, at, at)
        return id

    def page(self, scope: str, marks: Sequence[int] = (), after: Any = (None, None), n: int = 50, upward: bool = False) -> list[str]:
        asked = "SELECT id FROM customer_page(%s::bigint[], %s, %s::uuid, %s, %s)"
        return [str(id) for (id,) in self.run(scope, asked, list(marks), *after, n, upward)]


@pytest.fixture
def app(database: ServiceDatabase) -> Iterator[Role]:
    role = Role(database.app_url)
    with closing(role.connection):
        yield role


def as_owner(database: ServiceDatabase, *statements: str) -> None:
    with database.owner.begin() as owner:
        for statement in ("SELECT set_config('app.scope', '/', true)", *statements):
            owner.execute(sa.text(statement))


# ---------------------------------------------------------------- what a scope may


def test_each_scope_sees_and_changes_whom_it_serves(app: Role) -> None:
    of = {scope: app.new(scope) for scope in ("/", HQ, BRANCH, SITE, BESIDE, ELSEWHERE)}
    everybody = set(of.values())
    served = {SITE: {SITE}, BESIDE: {BESIDE}, ELSEWHERE: {ELSEWHERE}, BRANCH: {BRANCH, SITE, BESIDE}, "/HQ/B2/": {ELSEWHERE}, "": set()}
    for scope in SCOPES:
        wanted = everybody if scope in ("/", HQ) else {of[one] for one in served[scope]}
        assert app.seen(scope) == wanted, scope
        assert app.run(scope, "UPDATE customers SET updated_by = 'y'") == [(len(wanted),)], scope
        assert app.run(scope, "SELECT count(*) FROM (SELECT FROM customers FOR UPDATE) c") == [(len(wanted),)], scope
        assert set(app.page(scope)) == wanted, scope
        assert app.run(scope, "SELECT customer_count('{}')") == [(len(wanted),)]
    assert app.run("/", "SELECT home_path FROM customers WHERE id = %s", of[SITE]) == [(SITE,)]
    assert app.run("/", "SELECT count(*) FROM customers WHERE home_path IS NULL") == [(2,)]


def test_like_patterns_and_beginnings_of_paths_are_no_scopes(app: Role) -> None:
    app.new(SITE)
    for scope in ("/HQ/%", "/HQ/B_/", "/HQ/B1", "/HQ/B1/S", "/HQ", "%"):
        assert app.seen(scope) == set() and app.page(scope) == [], scope


def test_nobody_makes_one_without_a_scope_nor_reads_him_in_the_same_statement(app: Role) -> None:
    """The link is made in the statement that makes the row, and seen from the next one on."""
    with pytest.raises(REFUSED):
        app.new("")
    with pytest.raises(REFUSED):
        app.run(SITE, f"{NEW} RETURNING id", str(uuid.uuid4()), START, START)


@pytest.mark.parametrize("statement", [
    "DELETE FROM customers", "UPDATE customers SET home_path = '/HQ/B2/S3/'", "UPDATE customers SET created_at = now()",
    "UPDATE customers SET id = gen_random_uuid()", "TRUNCATE customers",
    "INSERT INTO customer_links SELECT id, '/HQ/B2/S3/', now(), true FROM customers", "DELETE FROM customer_links",
    "UPDATE customer_links SET own = true", "SELECT FROM customer_marks", "INSERT INTO customer_marks VALUES (1, now(), gen_random_uuid())",
    "DELETE FROM customer_marks", "ALTER TABLE customers DISABLE ROW LEVEL SECURITY", "DROP POLICY seen ON customers",
    "SELECT link_new_customer()",
])
def test_what_is_nobodys_to_write(app: Role, statement: str) -> None:
    app.new(SITE)
    for scope in ("/", HQ, SITE):
        with pytest.raises((REFUSED, psycopg2.errors.FeatureNotSupported)):
            app.run(scope, statement)


def test_a_home_is_not_forged(app: Role) -> None:
    forged = NEW.replace("updated_by)", "updated_by, home_path)").replace("'x')", "'x', '/HQ/B2/S3/')")
    id = str(uuid.uuid4())
    app.run(SITE, forged, id, START, START)
    assert app.run("/", "SELECT home_path FROM customers WHERE id = %s", id) == [(SITE,)]


def test_links_are_read_by_their_own_unit(app: Role) -> None:
    app.new(SITE)
    app.new(BESIDE)
    for scope, paths in ((SITE, [SITE]), (BRANCH, [BRANCH, BRANCH]), (ELSEWHERE, []), ("", []), (HQ, sorted([BRANCH, SITE, BRANCH, BESIDE]))):
        assert [path for (path,) in app.run(scope, "SELECT unit_path FROM customer_links ORDER BY 1")] == paths


def test_whom_nobody_serves_is_seen_by_who_names_him(app: Role) -> None:
    free, served = app.new(HQ), app.new(SITE)
    assert app.seen(ELSEWHERE) == set() and app.seen(ELSEWHERE, named=free) == {free}
    assert app.seen(ELSEWHERE, named=served) == set() and app.seen("", named=free) == set()
    assert app.run(ELSEWHERE, "UPDATE customers SET updated_by = 'y'", named=free) == [(0,)], "shown, not his to change"


@pytest.mark.parametrize("table", CHILD)
def test_children_are_for_who_sees_the_parent(app: Role, table: str) -> None:
    id = app.new(SITE)
    for scope in (SITE, BRANCH, HQ, "/"):
        app.run(scope, CHILD[table], id)
    assert [app.run(scope, f"SELECT count(*) FROM {table}")[0][0] for scope in SCOPES] == [4, 4, 4, 4, 0, 0, 0, 0]
    for scope in (BESIDE, ELSEWHERE, ""):
        with pytest.raises(REFUSED):
            app.run(scope, CHILD[table], id)
        with pytest.raises(REFUSED):
            app.run(scope, CHILD[table], str(uuid.uuid4()))


def test_an_outside_account_sees_nobody_and_may_ask_nothing(app: Role) -> None:
    id = app.new(SITE)
    for statement in ("SELECT FROM customers", "SELECT FROM customer_links", "SELECT FROM customer_marks", "SELECT FROM consents",
                      "SELECT customer_page('{}', NULL, NULL, 1, false)", "SELECT customer_count('{}')", "SELECT find_customer('{}', 'x', 'x', false)",
                      f"SELECT link_customer('{id}')", f"SELECT mark_customer('{id}', '{{}}', '{{}}')", f"SELECT link_customer_to('{id}', '{SITE}')"):
        with pytest.raises(REFUSED):
            app.run("/", statement, party=id)


def test_everybody_is_everybodys_where_the_company_says_so(app: Role) -> None:
    id = app.new(SITE)
    say = "INSERT INTO parameter_copies (id, key, value, sequence) VALUES (gen_random_uuid(), 'customers.scope', %s, 1)"
    app.run("/", say, '"served"')
    assert app.seen(ELSEWHERE) == set()
    app.run("/", "UPDATE parameter_copies SET value = '\"company\"'")
    assert app.seen(ELSEWHERE) == {id} and app.page(ELSEWHERE) == [id] and app.seen("") == set() and app.page("") == []
    assert app.run(ELSEWHERE, "SELECT customer_count('{}')") == [(1,)]
    assert app.run(ELSEWHERE, "UPDATE customers SET updated_by = 'y'") == [(1,)]


# ---------------------------------------------------------------- functions


def test_a_unit_links_whom_nobody_serves_or_whom_it_looked_up(app: Role) -> None:
    free, served = app.new(HQ), app.new(SITE)
    assert app.run(ELSEWHERE, "SELECT link_customer(%s)", served) == [(False,)]
    assert app.run(ELSEWHERE, "SELECT link_customer(%s)", str(uuid.uuid4())) == [(False,)]
    app.run("/", "SELECT mark_customer(%s, '{}', '{7}')", served)
    found = app.run(ELSEWHERE, "SELECT id::text, linked FROM find_customer('{7, 8}', 'bea', 'why', false)")
    assert found == [(served, False)]
    assert app.run("/", "SELECT kind, recipient, purpose, unit_path, created_by FROM disclosures") == [("look_up", "bea", "why", ELSEWHERE, "bea")]
    assert app.run(ELSEWHERE, "SELECT count(*) FROM disclosures") == [(0,)]
    assert app.run("/HQ/B2/", "SELECT link_customer(%s)", served) == [(False,)], "not the branch, nor another site"
    assert app.run(ELSEWHERE, "SELECT link_customer(%s), current_setting('app.scope')", served) == [(True, ELSEWHERE)]
    assert app.run(BESIDE, "SELECT link_customer(%s)", free) == [(True,)]
    assert app.run("/", "SELECT home_path FROM customers WHERE id = %s", free) == [(BESIDE,)]
    assert app.run(HQ, "SELECT link_customer(%s)", free) == [(True,)], "headquarters sees him, and serves nobody"
    assert app.seen(ELSEWHERE) == {served} and app.seen("/HQ/B2/") == {served} and app.seen(BRANCH) == {free, served}


@pytest.mark.parametrize(("scope", "statement"), [
    ("", "SELECT link_customer('{id}')"), (SITE, "SELECT link_customer(NULL)"),
    (HQ, "SELECT link_customer_to('{id}', '/HQ/B2/S3/')"), (SITE, "SELECT link_customer_to('{id}', '/HQ/B1/S1/')"),
    ("/", "SELECT link_customer_to('{id}', 'HQ')"), ("/", "SELECT link_customer_to('{id}', NULL)"), ("/", "SELECT link_customer_to(NULL, '/HQ/B1/S1/')"),
    (ELSEWHERE, "SELECT mark_customer('{id}', '{{}}', '{{1}}')"), ("", "SELECT mark_customer('{id}', '{{}}', '{{1}}')"),
    (SITE, "SELECT mark_customer('{id}', NULL, '{{1}}')"), (SITE, "SELECT mark_customer('{id}', '{{}}', NULL)"),
    ("", "SELECT find_customer('{{1}}', 'x', 'x', false)"), (SITE, "SELECT find_customer('{{1}}', '', 'x', false)"),
    (SITE, "SELECT find_customer('{{1}}', 'x', NULL, false)"), (SITE, "SELECT find_customer(NULL, 'x', 'x', false)"),
    (SITE, "SELECT customer_page('{{}}', NULL, NULL, 10002, false)"), (SITE, "SELECT customer_page('{{}}', NULL, NULL, NULL, false)"),
    (SITE, "SELECT customer_page('{{NULL}}', NULL, NULL, 1, false)"), (SITE, "SELECT customer_count('{{NULL}}')"),
    ("/", "SELECT move_customer_links('/HQ/B1/', '/HQ/B2/B1/')"), (SITE, "SELECT move_customer_links('/HQ/A/', '/HQ/B/A/')"),
])
def test_functions_refuse_what_they_are_not_for(app: Role, scope: str, statement: str) -> None:
    id = app.new(SITE)
    with pytest.raises(REFUSED):
        app.run(scope, statement.format(id=id))


def test_a_mark_goes_with_its_row_alone(app: Role) -> None:
    one, two = app.new(SITE), app.new(SITE)
    for id in (one, two):
        app.run(SITE, "SELECT mark_customer(%s, '{}', '{1, 2, 2}')", id)
    app.run(SITE, "SELECT mark_customer(%s, '{1, 2}', '{2, 3}')", one)
    for mark, found in ((1, {two}), (2, {one, two}), (3, {one})):
        assert set(app.page(SITE, [mark])) == found and set(app.page(HQ, [mark])) == found


def test_temporary_tables_mislead_no_function(app: Role) -> None:
    """Whoever may make tables of his own cannot put them in the place of those that a guard asks."""
    id = app.new(SITE)
    trick = """CREATE TEMPORARY TABLE parameter_copies AS SELECT 'customers.scope' AS key, '"company"'::jsonb AS value;
        CREATE TEMPORARY TABLE customer_links AS SELECT id AS customer_id, '/HQ/B2/S3/' AS unit_path, true AS own FROM customers; {}"""
    for asked, wanted in ((f"SELECT count(*) FROM customers WHERE id = '{id}'", 0), (f"SELECT link_customer('{id}')::integer", 0)):
        try:
            found = app.run(ELSEWHERE, trick.format(asked))
        except REFUSED:  # no right to make any
            continue
        assert found == [(wanted,)]
        app.connection.cursor().execute("DISCARD TEMP")
        app.connection.rollback()


# ---------------------------------------------------------------- a second, slow way

UNITS = (HQ, BRANCH, SITE, BESIDE, ELSEWHERE)
ROWS = st.lists(st.tuples(st.sampled_from(UNITS), st.integers(0, 4), st.sets(st.integers(-2, 2)), st.sampled_from((None, *UNITS[1:]))), max_size=14)


@pytest.fixture(scope="module")
def shared(database_server: str) -> Iterator[ServiceDatabase]:
    with service_database(database_server, SERVICE) as found:
        yield found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=ROWS, scope=st.sampled_from(("/", "/HQ/B2/", *UNITS)), asked=st.lists(st.integers(-2, 2), max_size=3), n=st.integers(1, 4), upward=st.booleans())
def test_pages_are_what_a_slow_obvious_way_finds(
    shared: ServiceDatabase, rows: list[Any], scope: str, asked: list[int], n: int, upward: bool
) -> None:
    as_owner(shared, "DELETE FROM customers", "TRUNCATE customers, customer_links, customer_marks")
    role = Role(shared.app_url)
    with closing(role.connection):
        known = []
        for unit, hour, marks, also in rows:
            at = START + timedelta(hours=hour)
            id = role.new(unit, at)
            role.run("/", "SELECT mark_customer(%s, '{}', %s::bigint[])", id, list(marks))
            if also:
                role.run("/", "SELECT link_customer_to(%s, %s)", id, also)
            known.append((at, id, marks, {unit, also}))
        wanted = sorted(((at, id) for at, id, marks, units in known
                         if set(asked) <= marks and (scope in ("/", HQ) or any(unit and unit != HQ and unit.startswith(scope) for unit in units))),
                        reverse=not upward)  # fmt: skip
        got: list[str] = []
        after: Any = (None, None)
        while page := role.page(scope, asked, after, n, upward):
            assert len(page) <= n
            got += page
            after = next((at, id) for at, id, *_ in known if id == page[-1])
        assert got == [id for _, id in wanted]
        assert role.run(scope, "SELECT customer_count(%s::bigint[])", asked) == [(len(wanted),)]


PLACES = ("/HQ/A/", "/HQ/A/X/", "/HQ/A/Y/", "/HQ/B/", "/HQ/B/X/", "/HQ/Z/")
MOVES = st.sampled_from((("/HQ/A/X/", "/HQ/B/X/"), ("/HQ/B/X/", "/HQ/A/X/"), ("/HQ/A/", "/HQ/C/"), ("/HQ/C/", "/HQ/A/"), ("/HQ/Z/", "/HQ/B/Z/"),
                         ("/HQ/A/Y/", "/HQ/Y/"), ("/HQ/B/", "/HQ/A/B/")))  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(served=st.lists(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3), min_size=1, max_size=4), moves=st.lists(MOVES, max_size=4))
def test_links_after_moves_are_those_of_the_units_own(shared: ServiceDatabase, served: list[list[str]], moves: list[tuple[str, str]]) -> None:
    """Whatever moved where: a row's links are its units' own, where they are now, and every unit above them."""
    as_owner(shared, "DELETE FROM customers", "TRUNCATE customers, customer_links, customer_marks, scope_moves")
    role = Role(shared.app_url)
    with closing(role.connection):
        own: dict[str, list[str]] = {}
        for first, *others in served:
            id = role.new(first)
            own[id] = [first, *others]
            for unit in others:
                role.run("/", "SELECT link_customer_to(%s, %s)", id, unit)
        for number, (former, current) in enumerate(moves):
            remembered = "INSERT INTO scope_moves (unit_id, former, current, sequence, moved_at) VALUES (gen_random_uuid(), %s, %s, %s, now())"
            role.run("/", remembered, former, current, number)
            role.run("/", "SELECT move_customer_links(%s, %s)", former, current)
            own = {id: [current + unit[len(former) :] if unit.startswith(former) else unit for unit in units] for id, units in own.items()}
        found: dict[str, dict[str, bool]] = {id: {} for id in own}
        for id, unit, itself in role.run("/", "SELECT customer_id::text, unit_path, own FROM customer_links"):
            found[id][unit] = itself
        for id, units in own.items():
            above = {unit[: end + 1] for unit in units for end, sign in enumerate(unit) if sign == "/" and unit[: end + 1].count("/") > 2}
            assert found[id] == {unit: unit in units for unit in above}
            assert role.run("/", "SELECT home_path FROM customers WHERE id = %s", id) == [(units[0],)]


# ---------------------------------------------------------------- plans, keys

MANY = 40_000
FILL = (
    "ALTER TABLE customers DISABLE TRIGGER USER",
    f"""INSERT INTO customers (id, name, phones, version, created_at, created_by, updated_at, updated_by)
        SELECT md5(g::text)::uuid, '', '', 1, timestamptz '2026-01-01' + g * interval '1 minute', 'x', now(), 'x' FROM generate_series(1, {MANY}) g""",
    "ALTER TABLE customers ENABLE TRIGGER USER",
    # One mark that every sixth has, one that hardly anybody has, one of each alone.
    f"""INSERT INTO customer_marks SELECT mark, timestamptz '2026-01-01' + g * interval '1 minute', md5(g::text)::uuid FROM generate_series(1, {MANY}) g,
        LATERAL (SELECT g + 1000 UNION SELECT 1 WHERE g % 6 = 0 UNION SELECT 2 WHERE g % 997 = 0 UNION SELECT 3 WHERE g % 6 = 1) m (mark)""",
    f"""INSERT INTO customer_links SELECT md5(g::text)::uuid, u, timestamptz '2026-01-01' + g * interval '1 minute', u LIKE '%S%'
        FROM generate_series(1, {MANY}) g, units_of(format('/HQ/B%s/S%s/', g % 5, g % 100)) u""",
    "ANALYZE customers", "ANALYZE customer_marks", "ANALYZE customer_links",
)  # fmt: skip


@pytest.fixture(scope="module")
def large(database_server: str) -> Iterator[ServiceDatabase]:
    with service_database(database_server, SERVICE) as found:
        as_owner(found, *FILL)
        yield found


@pytest.mark.parametrize("scope", [HQ, "/HQ/B1/", "/HQ/B1/S1/", "/HQ/B9/S9/"])
@pytest.mark.parametrize("marks", [(), (1,), (2,), (1500,), (1, 3), (2, 1)])
def test_no_list_reads_a_whole_table(large: ServiceDatabase, scope: str, marks: tuple[int, ...]) -> None:
    principal = Principal.of("ann", scope, ["*"])
    queries_ = (queries.ListQuery(limit=50), queries.ListQuery(limit=50, sort="created_at"))
    with UnitOfWork(large.engine, principal) as uow:
        for query in queries_:
            page = CUSTOMERS.page(list(marks), query.limit + 1, None, upward=query.sort == "created_at")
            uow.rows(sa.select(Customer.id).join(page, page.c.id == Customer.id))
            assert whole_tables(uow) == {}, "the first page"
            later = CUSTOMERS.page(list(marks), 51, (START + timedelta(days=14), uuid.UUID(int=0)), upward=query.sort == "created_at")
            uow.rows(sa.select(Customer.id).join(later, later.c.id == Customer.id))
            assert whole_tables(uow) == {}, "a deep one"
        uow.rows(sa.text("SELECT * FROM find_customer('{1500}', 'ann', 'x', false)"))
        CUSTOMERS.link(uow, uuid.uuid4())
        CUSTOMERS.any_of(uow, [1500, 2000], 20)
        uow.find(Customer, id=uuid.uuid4(), lock=True)
        if scope != HQ or marks:
            CUSTOMERS.count(uow, marks)
        assert whole_tables(uow) == {}


def test_children_without_a_named_parent_begin_with_the_units_own(large: ServiceDatabase) -> None:
    as_owner(large, """INSERT INTO consents (id, customer_id, kind, given, stated_on, channel, version, created_at, created_by, updated_at, updated_by)
        SELECT gen_random_uuid(), id, 'marketing', true, now(), 'paper', 1, created_at, 'x', now(), 'x' FROM customers""", "ANALYZE consents")
    for scope, found in (("/HQ/B1/S1/", 50), ("/HQ/B9/S9/", 0), ("/HQ/B1/", 50)):
        with UnitOfWork(large.engine, Principal.of("ann", scope, ["*"])) as uow:
            assert len(search_consents(uow, queries.ListQuery())["items"]) == found
            assert whole_tables(uow) == {} and not uow.scalar(sa.text("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'consents'"))
    with UnitOfWork(large.engine, Principal.of("ann", HQ, ["*"])) as uow:
        uow.scalar(sa.text("SELECT count(updated_by) FROM customers"))
        assert whole_tables(uow) == {"customers": 1}, "it would have been seen"


def whole_tables(uow: UnitOfWork) -> dict[str, int]:
    """Which of the large tables the transaction has read from end to end (or one shortly before on its connection)."""
    rows = uow.rows(sa.text("SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND relname ~ '^customer(s|_links|_marks)$'"))
    return {row.relname: row.seq_scan for row in rows}


def test_turned_keys_find_the_same_customers(database: ServiceDatabase, tmp_path: Path) -> None:
    """Marks are made under the key of the index, which stays when the ring is turned: they are as they were, and so is what they find."""
    with UnitOfWork(database.engine, Principal.of("ann", SITE, ["*"])) as uow:
        customer = Customer.create("王芳", ["+8613800138000"])
        uow.add(customer)
        CUSTOMERS.mark(uow, customer.id, (), customer.marks)
    before, former, ring = customer.marks, crypto.ring(), tmp_path / "keyring.json"
    ring.write_text(former.rotated().text())
    crypto.use(ring)
    try:
        engine = owner_engine(database.owner_url)
        assert sum(resealing.reseal(engine, SERVICE)) >= 2
        ring.write_text(crypto.ring().without(former.current).text())
        crypto.use(ring)
        with UnitOfWork(database.engine, Principal.of("ann", SITE, ["*"])) as uow:
            [found] = queries.owners(uow, ["+8613800138000"])
            assert (found.id, found.name, found.marks) == (customer.id, "王芳", before)
    finally:
        crypto.use(None)
