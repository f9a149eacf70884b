"""Alembic for a service: one chain in ``<service>/migrations/versions``, run as the owner of the database. In go a service and its owner's
URL, out comes a schema at a revision; a process refuses to start on another one than its own (``require_current``). Below stand helpers
for migrations: chassis tables, row-level security, indexes. A new revision: ``./aftersales migrate --revision orders "what it does"``."""

from __future__ import annotations

import importlib
import importlib.util
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.operations import Operations, ops
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from chassis.db import serves
from chassis.db.base import NAMING
from chassis.db.custody import GUARDED, SCOPE, inside
from chassis.db.engine import owner_engine
from chassis.db.roles import app_role
from chassis.db.tables import chassis_metadata, metadata_of, subscriptions
from chassis.domain import events
from chassis.events import schemas
from chassis.service import Service

LOCK_TIMEOUT = "3s"
"""How long a migration may wait behind a running transaction; everybody else waits behind the migration meanwhile."""
STATEMENT_TIMEOUT = "15min"
ATTEMPTS = 5
IN_THE_WAY = ("55P03", "40P01")  # lock_not_available, deadlock_detected


class SchemaMismatch(Exception):
    """The database's schema is not the one this release works with; the text says what to do."""


# ---------------------------------------------------------------- running


def upgrade(service: Service, owner_url: str, revision: str = "head") -> list[str]:
    """Brings the database up to ``revision`` and returns the revisions applied.

    Each revision is a transaction of its own. Two at once wait for each other; a table held by a long transaction is
    waited for briefly and tried again, so that the running system never queues behind us for long; so is a deadlock with
    somebody at work. Then the service's ``seed``, if it has one, writes the rows that come with the release. Raises ``SchemaMismatch`` when the database, or ``revision``, is newer than this release.
    """
    engine = owner_engine(owner_url)
    applied: list[str] = []
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(hashtext('aftersales.migrate'))"))
        connection.execute(sa.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(sa.text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.commit()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _run(service, connection, revision, applied)
                break
            except (CommandError, RevisionError) as error:  # Alembic cannot find its way between revisions it does not know
                raise _newer(service, current(engine) if revision == "head" else revision) from error
            except OperationalError as error:
                connection.rollback()
                if getattr(error.orig, "pgcode", None) not in IN_THE_WAY or attempt == ATTEMPTS:
                    raise
                time.sleep(attempt)
        if revision == "head":
            _note_subscriptions(service, connection)
        if revision == "head" and importlib.util.find_spec(f"{service.package}.seed"):
            importlib.import_module(f"{service.package}.seed").seed(connection)
            connection.commit()
        if applied:
            serves.note(connection, _scripts(service).iterate_revisions(applied[-1], "base"))
        _grant_rights(connection)
    return applied


def _run(service: Service, connection: Connection, revision: str, applied: list[str]) -> None:
    scripts = _scripts(service)

    def steps(current: Any, _context: MigrationContext) -> Any:
        missing = reversed(list(scripts.iterate_revisions(revision, current, implicit_base=True)))
        return [MigrationStep.upgrade_from_script(scripts.revision_map, script) for script in missing]

    def note(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
        applied.append(step.up_revision_id)

    with EnvironmentContext(Config(), scripts, fn=steps, destination_rev=revision) as environment:
        environment.configure(
            connection=connection, target_metadata=sa.MetaData(naming_convention=NAMING),
            transaction_per_migration=True, on_version_apply=note,
        )
        with environment.begin_transaction():
            environment.run_migrations()
    connection.commit()


_SUBSCRIBED = sa.text("""INSERT INTO subscriptions (type, since)
    SELECT type, CASE WHEN NOT EXISTS (SELECT FROM inbox) OR EXISTS (SELECT FROM inbox i WHERE i.type = t.type) THEN '-infinity' ELSE now() END
    FROM unnest(CAST(:types AS text[])) t (type) WHERE NOT EXISTS (SELECT FROM subscriptions s WHERE s.type = t.type)""")


def _note_subscriptions(service: Service, connection: Connection) -> None:
    """A release may listen to events that were told long before it: `reconcile` asks for those from now on only. What the inbox has
    seen, or a database that is new, was listened to from the beginning."""
    subscriptions.create(connection, checkfirst=True)
    service.modules("consumers")
    handlers = tuple(events.handlers(service.package))
    types = [type_ for type_ in sorted(schemas.types()) if any(handler.takes(type_) for handler in handlers)]
    if types:  # else there may be no inbox
        connection.execute(_SUBSCRIBED, {"types": types})
    connection.commit()


RIGHTS = {
    "alembic_version": "SELECT",
    "outbox": "SELECT, INSERT, UPDATE (sent_at, next_at, attempts, reason)",
    "subscriptions": "SELECT",
    "inbox": "SELECT, INSERT, UPDATE (state, attempts, next_at, reason, trace, envelope, handled_at)",
    "journal": "SELECT, INSERT",
    "numbers": "SELECT, INSERT, UPDATE (last)",
    "idempotency": "SELECT, INSERT, DELETE",
}
"""What the application may do with the chassis tables. What was told, heard or written down is not taken back: pruning is
the owner's."""


_OF_PUBLIC = """
SELECT format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', oid::regprocedure) FROM pg_proc
WHERE prosecdef AND proowner = current_user::regrole AND (proacl IS NULL OR has_function_privilege('public', oid, 'EXECUTE'))
"""
"""Functions with the owner's rights are for whom a migration grants them; PostgreSQL itself grants every function to everybody."""


_OF_HELD = """
SELECT format('REVOKE UPDATE ON %1$I FROM %3$I; GRANT UPDATE (%2$s) ON %1$I TO %3$I', c.relname, string_agg(quote_ident(a.attname), ', '), CAST(:role AS text))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (CAST(:guarded AS text[]))
WHERE EXISTS (SELECT FROM pg_attribute h WHERE h.attrelid = c.oid AND h.attname = 'held_path' AND NOT h.attisdropped)
AND c.relrowsecurity AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND has_any_column_privilege(CAST(:role AS name), c.oid, 'UPDATE')
GROUP BY c.relname
"""
"""The paths of ``Held`` documents are for ``move_custody``; each time, since a column that a revision adds is not among those granted before."""


def _grant_rights(connection: Connection) -> None:
    role = app_role(connection)
    for table, rights in RIGHTS.items() if role else ():
        if connection.scalar(sa.text("SELECT to_regclass(:name)"), {"name": table}):
            connection.execute(sa.text(f'REVOKE ALL ON "{table}" FROM "{role}"'))
            connection.execute(sa.text(f'GRANT {rights} ON "{table}" TO "{role}"'))
    if role:
        for statement in connection.scalars(sa.text(_OF_HELD), {"role": role, "guarded": list(GUARDED)}).all():
            connection.execute(sa.text(statement))
    for statement in connection.scalars(sa.text(_OF_PUBLIC)).all():
        connection.execute(sa.text(statement))
    connection.commit()


def head(service: Service) -> str | None:
    """Newest revision of the service's chain."""
    return _scripts(service).get_current_head()


def current(engine: Engine) -> str | None:
    """Revision of the database; None when it was never migrated."""
    try:
        with engine.connect() as connection:
            revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
            return revision
    except ProgrammingError:  # no such table
        return None


def require_current(service: Service, engine: Engine) -> None:
    """Raises ``SchemaMismatch`` when the database is older than this release, or newer and made to serve later ones only."""
    there, ours = current(engine), head(service)
    if there == ours:
        return
    known = {script.revision for script in _scripts(service).walk_revisions()}
    if there is None or there in known:
        raise SchemaMismatch(
            f"the database of {service.name} is older (revision {there or 'none'}) than this release ({ours}): "
            "run `./aftersales migrate` first"
        )
    if not serves.release(engine, ours):
        raise _newer(service, there)


def _newer(service: Service, there: str | None) -> SchemaMismatch:
    return SchemaMismatch(
        f"the database of {service.name} is newer (revision {there}) than this release ({head(service)}): "
        "run the release that migrated it, or a later one"
    )


def _scripts(service: Service) -> ScriptDirectory:
    folder = service.folder / "migrations"
    return ScriptDirectory(folder, version_locations=[folder / "versions"])


# ---------------------------------------------------------------- helpers for migrations


def chassis_tables(operations: Operations) -> None:
    """Creates the tables every service has (chassis/db/tables.py); the journal hides rows of other sites.

    Meant for the first revision. A later change of a chassis table is a revision of its own in every service, written
    so that it does nothing on a database made after the change (``ADD COLUMN IF NOT EXISTS``).
    """
    chassis_metadata.create_all(operations.get_bind(), checkfirst=False)
    scope_table(operations, "journal", optional=True)
    scope_table(operations, "outbox", optional=True, owner_too=False)


def scope_table(
    operations: Operations, table: str, *, optional: bool = False, owner_too: bool = True
) -> None:
    """Lets the database itself hide rows outside the caller's scope (``SET LOCAL app.scope``), from the owner too.

    ``org_path`` must start with the scope; without a scope nothing is seen. The comparison is a range, so that an index
    on org_path serves it. ``optional``: org_path may be null, such rows are company-wide and seen under any scope.
    ``owner_too``: off only where repairs as the owner must see every row.
    """
    visible = inside("org_path")
    if optional:
        visible = f"({visible}) OR (org_path IS NULL AND {SCOPE} IS NOT NULL)"
    operations.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    if owner_too:
        operations.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    operations.execute(f'CREATE POLICY scope ON "{table}" USING ({visible}) WITH CHECK ({visible})')


def append_only(operations: Operations, *tables: str) -> None:
    """The application may add rows to these tables and read them, never change or remove one (ledgers)."""
    role = app_role(operations.get_bind())
    for table in tables if role else ():
        operations.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM "{role}"')


def indexes(operations: Operations, made: Mapping[str, str], dropped: Iterable[str] = ()) -> None:
    """Makes indexes, ``{"ix_bills_state_id": "bills (state, id)"}``, and drops others, while everybody reads and writes.

    Outside the revision's transaction, so it stands at the end of a revision and does no harm twice: what is there stays,
    what an attempt broke off left unusable is made anew. Of a name that begins with uq_ it is unique.
    """
    with operations.get_context().autocommit_block():
        for name, place in made.items():
            usable = operations.get_bind().scalar(
                sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"), {"name": name}
            )
            if usable is False:
                operations.execute(f"DROP INDEX CONCURRENTLY {name}")
            if not usable:
                unique = "UNIQUE " if name.startswith("uq_") else ""
                operations.execute(f"CREATE {unique}INDEX CONCURRENTLY {name} ON {place}")
        for name in dropped:
            operations.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def sum_of(operations: Operations) -> None:
    """``sum_of(items jsonb, member text)``: of the members of an array's objects, for constraints on what adds up to a column."""
    operations.execute(
        "CREATE OR REPLACE FUNCTION sum_of(items jsonb, member text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE "
        "RETURN (SELECT coalesce(sum((one ->> member)::numeric), 0) FROM jsonb_array_elements(items) one)"
    )


def system_scope(operations: Operations) -> None:
    """For a revision that changes data of scoped tables: without it the owner sees no row of them."""
    operations.execute("SELECT set_config('app.scope', '/', true)")


# ---------------------------------------------------------------- writing revisions


@contextmanager
def scratch(server_url: str) -> Iterator[str]:
    """A database of its own on the server while the block runs; yields its URL."""
    url = sa.make_url(server_url)
    name = f"scratch_{uuid.uuid4().hex[:12]}"
    engine = owner_engine(server_url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def drift(service: Service, url: str) -> list[Any]:
    """What the service's models have that the migrated database has not, or the other way round; empty when they agree."""
    with _comparing(service, url) as context:
        return list(compare_metadata(context, metadata_of(service)))


def write_revision(service: Service, server_url: str, message: str) -> str:
    """Writes the next revision from the difference between models and migrations, and returns the file's path.

    Read it before it is committed: renames look like drop and add, and data moves are written by hand."""
    folder = service.folder / "migrations" / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    with scratch(server_url) as url:
        previous = upgrade(service, url)
        with _comparing(service, url) as context:
            script = produce_migrations(context, metadata_of(service))
            assert script.upgrade_ops is not None
            if not previous:
                script.upgrade_ops.ops = [op for op in script.upgrade_ops.ops if not _is_chassis(op)]
            body = render_python_code(script.upgrade_ops, migration_context=context)
            scoped = [op.table_name for op in script.upgrade_ops.ops if isinstance(op, ops.CreateTableOp)
                      and any(isinstance(c, sa.Column) and c.name == "org_path" for c in op.columns)]
    number = f"{len(list(folder.glob('[0-9]*.py'))) + 1:04d}"
    lines = ["chassis_tables(op)"] if not previous else []
    for line in (line.strip() for line in body.splitlines()[1:] if not line.strip().startswith("#")):
        lines.append(f"    {line}" if line.startswith(("sa.", "postgresql.")) else line)
    lines += [f'scope_table(op, "{table}")' for table in scoped]
    helpers = [name for name in ("chassis_tables", "scope_table") if any(line.startswith(name) for line in lines)]
    imports = ["", f"from chassis.db.migrate import {', '.join(helpers)}"] if helpers else []
    down = repr(_scripts(service).get_current_head())
    slug = "_".join("".join(c if c.isalnum() else " " for c in message.lower()).split())[:40].rstrip("_")
    path = folder / f"{number}_{slug}.py"
    path.write_text("\n".join([
        f'"""{message[:1].upper()}{message[1:]}."""', "", "import sqlalchemy as sa", "from alembic import op",
        *(["from sqlalchemy.dialects import postgresql"] if "postgresql." in body else []), *imports, "",
        f'revision = "{number}"', f"down_revision = {down.replace(chr(39), chr(34))}", "", "", "def upgrade() -> None:",
        *(f"    {line}".rstrip() for line in lines or ["pass"]), "",
    ]), encoding="utf-8")
    return str(path)


@contextmanager
def _comparing(service: Service, url: str) -> Iterator[MigrationContext]:
    with owner_engine(url).connect() as connection:
        yield MigrationContext.configure(
            connection, opts={"compare_type": True, "target_metadata": metadata_of(service)}
        )


def _is_chassis(operation: Any) -> bool:
    return getattr(operation, "table_name", None) in chassis_metadata.tables
