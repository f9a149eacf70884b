"""The five databases: who may connect, and how little the application's role may do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from deploy.local.databases import NAMES, Database, database_urls, drop_databases, ensure_databases


class Passwords(dict[str, str]):
    def __call__(self, role: str) -> str:
        return self.setdefault(role, uuid.uuid4().hex)


@pytest.fixture(scope="module")
def prefix() -> str:
    return f"p{uuid.uuid4().hex[:8]}_"


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture(scope="module")
def databases(database_server: str, prefix: str, passwords: Passwords) -> Iterator[dict[str, Database]]:
    for name in NAMES:  # before threads share it
        passwords(f"{prefix}{name}_owner"), passwords(f"{prefix}{name}_app")
    try:
        with ThreadPoolExecutor(2) as both:
            made = list(both.map(lambda _: ensure_databases(database_server, prefix, passwords), range(2)))
        assert made[0] == made[1]
        yield made[0]
    finally:
        drop_databases(database_server, prefix)


def run(url: str, text: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(text)
        return list(cursor.fetchall()) if cursor.description else []


def test_two_at_once_made_them_and_urls_are_known_without_asking(
    databases: dict[str, Database], database_server: str, prefix: str, passwords: Passwords
) -> None:
    assert set(databases) == set(NAMES)
    assert database_urls(database_server, prefix, passwords) == databases


def test_application_is_no_superuser_and_does_not_bypass_row_security(databases: dict[str, Database]) -> None:
    for database in databases.values():
        assert run(database.app_url, "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles "
                   "WHERE rolname = current_user") == [(False, False, False, False)]


def test_application_uses_the_owners_tables_and_makes_none(databases: dict[str, Database]) -> None:
    orders = databases["orders"]
    run(orders.owner_url, "CREATE TABLE things (id int GENERATED ALWAYS AS IDENTITY, name text)")
    run(orders.app_url, "INSERT INTO things (name) VALUES ('a'); UPDATE things SET name = 'b'; DELETE FROM things")
    for forbidden in ("CREATE TABLE mine (id int)", "DROP TABLE things", "TRUNCATE things", "CREATE TEMP TABLE t (id int)",
                      "ALTER TABLE things DISABLE ROW LEVEL SECURITY"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            run(orders.app_url, forbidden)


def test_nobody_enters_another_services_database(databases: dict[str, Database]) -> None:
    orders = make_url(databases["orders"].app_url).database
    for role in (databases["finance"].app_url, databases["finance"].owner_url):
        elsewhere = make_url(role).set(database=orders).render_as_string(hide_password=False)
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            run(elsewhere, "SELECT 1")


def test_text_sorts_by_code_point_and_times_are_utc(databases: dict[str, Database]) -> None:
    assert run(databases["gateway"].app_url, "SELECT 'Z' < 'a', current_setting('timezone'), "
               "current_setting('server_encoding')") == [(True, "UTC", "UTF8")]


def test_passwords_that_open_the_server_are_left_alone(
    databases: dict[str, Database], database_server: str, prefix: str, passwords: Passwords
) -> None:
    def hashes() -> dict[object, object]:
        return dict(run(database_server, f"SELECT rolname, rolpassword FROM pg_authid WHERE starts_with(rolname, '{prefix}')"))  # type: ignore[arg-type]

    before = hashes()
    assert len(before) == 3 * len(NAMES)
    ensure_databases(database_server, prefix, passwords)
    assert hashes() == before


def test_the_outside_role_is_stepped_down_to_and_signs_in_nowhere(databases: dict[str, Database], database_server: str) -> None:
    """G-10: the application may become it, inherits nothing of it, and nobody opens the server as it."""
    app = databases["orders"].app_url
    outside = str(make_url(app).username).replace("_app", "_outside")
    assert run(app, f"SELECT pg_has_role('{outside}', 'MEMBER'), pg_has_role('{outside}', 'USAGE')") == [(True, False)]
    assert run(app, f"SET ROLE {outside}; SELECT current_user") == [(outside,)]
    flags = "rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb"
    assert run(database_server, f"SELECT {flags} FROM pg_roles WHERE rolname = '{outside}'") == [(False,) * 5]
    other = outside.replace("orders", "finance")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run(app, f"SET ROLE {other}")
