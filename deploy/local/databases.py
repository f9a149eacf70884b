"""The five databases of a suite on one server: each with an owner (migrations) and a role for the application.

The application's role is no superuser and does not bypass row-level security; nobody but the two may connect. For the requests
of outside accounts (G-10) it steps down to a third role, which has no rights but those that migrations grant it by name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql
from sqlalchemy.engine import URL, make_url

log = logging.getLogger("aftersales.databases")

NAMES = ("orders", "inventory", "finance", "callcenter", "gateway")
REPLACED = "_replaced"


@dataclass(frozen=True)
class Database:
    """URLs (``postgresql://…``, for libpq and ``make_engine``) of one service's database, as owner and as application."""

    service: str
    owner_url: str
    app_url: str


def ensure_databases(
    server: str, prefix: str, secret: Callable[[str], str], names: tuple[str, ...] = NAMES, aside: str = ""
) -> dict[str, Database]:
    """Creates what is missing of the databases ``<prefix><name>`` and their roles on the server.

    ``server`` is a SQLAlchemy or libpq URL of a user that may create databases and roles. ``secret`` gives the password
    for a role's name and remembers it. Harmless when repeated, also by two at once. ``aside`` is appended to the
    databases' names, not to the roles': such a set can take the place of the usual one (``replace_databases``).
    """
    url = make_url(server)
    with _connected(url) as connection:
        # One at a time: catalogue rows and template0 cannot be worked on by two.
        connection.cursor().execute("SELECT pg_advisory_lock(hashtext('aftersales.databases'))")
        for name in names:
            _ensure(connection, url, f"{prefix}{name}", aside, secret)
    return database_urls(server, prefix, secret, names, aside)


def database_urls(
    server: str, prefix: str, secret: Callable[[str], str], names: tuple[str, ...] = NAMES, aside: str = ""
) -> dict[str, Database]:
    """Where the databases are, without asking the server."""
    return {name: _database(make_url(server), prefix, name, aside, secret) for name in names}


def existing_databases(server: str, prefix: str, names: tuple[str, ...] = NAMES) -> list[str]:
    """Which of the services have a database under this prefix."""
    with _connected(make_url(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        there = {name for (name,) in cursor.fetchall()}
    return [name for name in names if f"{prefix}{name}" in there]


def replace_databases(server: str, prefix: str, aside: str, names: tuple[str, ...] = NAMES) -> None:
    """Puts the databases made ``aside`` in the place of the usual ones, all in one transaction, and drops what they
    replace. Raises psycopg2's ``ObjectInUse`` while anybody is connected to one of them; nothing has changed then."""
    drop_aside(server, prefix, REPLACED, names)
    there = existing_databases(server, prefix, names)
    with _connected(make_url(server)) as connection:
        connection.autocommit = False
        with connection, connection.cursor() as cursor:
            for name in names:
                usual = f"{prefix}{name}"
                if name in there:
                    _execute(cursor, "ALTER DATABASE {0} RENAME TO {1}", usual, f"{usual}{REPLACED}")
                _execute(cursor, "ALTER DATABASE {0} RENAME TO {1}", f"{usual}{aside}", usual)
    drop_aside(server, prefix, REPLACED, names)


def drop_aside(server: str, prefix: str, aside: str, names: tuple[str, ...] = NAMES) -> None:
    """Removes a set of databases made aside, if it is there; the roles stay."""
    with _connected(make_url(server)) as connection, connection.cursor() as cursor:
        for name in names:
            _execute(cursor, "DROP DATABASE IF EXISTS {0} WITH (FORCE)", f"{prefix}{name}{aside}")


def drop_databases(server: str, prefix: str, names: tuple[str, ...] = NAMES) -> None:
    """Removes the databases and roles again, with whoever is still connected."""
    with _connected(make_url(server)) as connection:
        cursor = connection.cursor()
        for name in names:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(f"{prefix}{name}")))
            for role in (f"{prefix}{name}_owner", f"{prefix}{name}_app", f"{prefix}{name}_outside"):
                cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def _database(url: URL, prefix: str, name: str, aside: str, secret: Callable[[str], str]) -> Database:
    def as_role(role: str) -> str:
        return url.set(
            drivername="postgresql", username=role, password=secret(role), database=f"{prefix}{name}{aside}"
        ).render_as_string(hide_password=False)

    return Database(name, as_role(f"{prefix}{name}_owner"), as_role(f"{prefix}{name}_app"))


def _ensure(connection: Any, url: URL, usual: str, aside: str, secret: Callable[[str], str]) -> None:
    database, owner, app, outside = f"{usual}{aside}", f"{usual}_owner", f"{usual}_app", f"{usual}_outside"
    cursor = connection.cursor()
    _ensure_role(cursor, url, owner, secret(owner))
    _ensure_role(cursor, url, app, secret(app))
    _ensure_outside(cursor, outside, app)
    for role in (owner, app):
        _ensure_quiet(cursor, role)
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    if cursor.fetchone() is None:
        _create_database(cursor, database, owner)
    _execute(cursor, "REVOKE ALL ON DATABASE {0} FROM PUBLIC", database)
    _execute(cursor, "GRANT CONNECT ON DATABASE {0} TO {1}", database, app)
    _execute(cursor, "ALTER DATABASE {0} SET timezone = 'UTC'", database)
    _execute(cursor, "ALTER DATABASE {0} SET jit = off", database)
    inside = url.set(username=owner, password=secret(owner), database=database)
    with _connected(inside) as as_owner:
        cursor = as_owner.cursor()
        _execute(cursor, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
        _execute(cursor, "GRANT USAGE ON SCHEMA public TO {0}, {1}", app, outside)
        for rights, kind in (("SELECT, INSERT, UPDATE, DELETE", "TABLES"), ("SELECT, USAGE", "SEQUENCES")):
            _execute(cursor, f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rights} ON {kind} TO {{0}}", app)


NO_VALUES = {
    "log_error_verbosity": "terse",  # without DETAIL, which shows the row
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
"""What the server's own log may not hold of our sessions: statements, parameters, rows. They name people (C-04)."""


def _ensure_quiet(cursor: Any, role: str) -> None:
    """Only a superuser may say so; on a server where we are none its operator does (docs/operating.md)."""
    cursor.execute("SELECT rolconfig FROM pg_roles WHERE rolname = %s", (role,))
    known = cursor.fetchone()[0] or []
    try:
        for name, value in NO_VALUES.items():
            if f"{name}={value}" not in known:
                _execute(cursor, f"ALTER ROLE {{0}} SET {name} = '{value}'", role)
    except psycopg2.errors.InsufficientPrivilege:
        log.warning("%s may be shown with values in the server's log: set %s for it", role, ", ".join(NO_VALUES))


def _ensure_role(cursor: Any, url: URL, role: str, password: str) -> None:
    """A password is only set again when it does not open the server: another host may use the same prefix."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    if cursor.fetchone() is None:
        _execute(cursor, "CREATE ROLE {0} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS", role)
        _set_password(cursor, role, password)
        _execute(cursor, "ALTER ROLE {0} SET idle_in_transaction_session_timeout = '60s'", role)
    elif not _opens(url.set(username=role, password=password)):
        _set_password(cursor, role, password)


def _ensure_outside(cursor: Any, outside: str, app: str) -> None:
    """Nobody signs in as it. The application may become it, and has none of its rights (nor what policies say of it) before."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (outside,))
    if cursor.fetchone() is None:
        _execute(cursor, "CREATE ROLE {0} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS", outside)
        _execute(cursor, "ALTER ROLE {0} NOINHERIT", app)  # before the grant: later PostgreSQL notes it there
        _execute(cursor, "GRANT {0} TO {1}", outside, app)


def _set_password(cursor: Any, role: str, password: str) -> None:
    cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))


def _opens(url: URL) -> bool:
    """Whether the role signs in. The administrator's database may be closed to it: that refusal comes after sign-in."""
    try:
        with _connected(url):
            return True
    except psycopg2.OperationalError as error:
        return "permission denied for database" in str(error)


def _create_database(cursor: Any, database: str, owner: str) -> None:
    # Up to PostgreSQL 15 by its role's right, later by the admin option of whoever created the role.
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not cursor.fetchone()[0]:
        _execute(cursor, "GRANT {0} TO CURRENT_USER", owner)
    for locale in ("LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'", "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'",
                   "LC_COLLATE 'C' LC_CTYPE 'C'"):
        try:
            _execute(cursor, f"CREATE DATABASE {{0}} OWNER {{1}} TEMPLATE template0 ENCODING 'UTF8' {locale}",
                     database, owner)
            return
        except psycopg2.ProgrammingError as error:  # the server is too old, or has no such locale
            refused = error
    raise refused


def _execute(cursor: Any, statement: str, *names: str) -> None:
    cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def _connected(url: URL) -> Iterator[Any]:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(plain, connect_timeout=5)) as connection:
        connection.autocommit = True
        yield connection
