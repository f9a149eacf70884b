"""Links and marks of customers in the database itself (R-06): what the application's role can do under which scope, and what functions refuse."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from services.callcenter.app import SERVICE
from tests.integration.callcenter.role import BESIDE, BRANCH, ELSEWHERE, HQ, NEW, SITE, START, Role
from tests.support.database import service_database

SCOPES = ("/", HQ, BRANCH, SITE, BESIDE, ELSEWHERE, "/HQ/B2/", "")
CHILD = {
    "consents": """INSERT INTO consents (id, customer_id, kind, given, stated_on, channel, version, created_at, created_by, updated_at, updated_by)
        VALUES (gen_random_uuid(), %s, 'marketing', true, now(), 'paper', 1, now(), 'x', now(), 'x')""",
    "disclosures": """INSERT INTO disclosures (id, customer_id, kind, purpose, data, version, created_at, created_by, updated_at, updated_by)
        VALUES (gen_random_uuid(), %s, 'export', 'x', '[]', 1, now(), 'x', now(), 'x')""",
}
REFUSED = psycopg2.errors.InsufficientPrivilege


@pytest.fixture
def app(database_server: str) -> Iterator[Role]:
    with service_database(database_server, SERVICE) as database:
        role = Role(database.app_url)
        with closing(role.connection):
            yield role


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
                      "SELECT customer_page('{}', NULL, NULL, 1, false)", "SELECT customer_count('{}')", "SELECT find_customer('{}', 'x', 'x', NULL)",
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
    found = app.run(ELSEWHERE, "SELECT id::text, linked FROM find_customer('{7, 8}', 'bea', 'why', NULL)")
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
    ("", "SELECT find_customer('{{1}}', 'x', 'x', NULL)"), (SITE, "SELECT find_customer('{{1}}', '', 'x', NULL)"),
    (SITE, "SELECT find_customer('{{1}}', 'x', NULL, NULL)"), (SITE, "SELECT find_customer(NULL, 'x', 'x', NULL)"),
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
