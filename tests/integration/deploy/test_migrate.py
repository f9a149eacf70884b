"""Alembic glue: a service made up for the purpose, whose revisions are written, applied, compared and waited for."""

from __future__ import annotations

import shutil
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy.exc import OperationalError

import chassis.service
from chassis.db import migrate
from chassis.db.base import Base
from chassis.db.changes import changes
from chassis.db.engine import make_engine, owner_engine
from chassis.service import Service
from deploy.local.databases import Database, drop_databases, ensure_databases

MODEL = """
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Kite(Base, Scoped, Aggregate):
    __tablename__ = "kites"
    number: Mapped[str] = mapped_column(unique=True)
    colour: Mapped[Colour]
    tail: Mapped[dict[str, Any] | None]
"""
SECOND = '''
"""Weights."""
import sqlalchemy as sa
from alembic import op

from chassis.db.changes import record_changes
from chassis.db.migrate import append_only, system_scope

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("kites", sa.Column("weight", sa.Integer()))
    system_scope(op)
    record_changes(op, revision, "kites", "weighed",
                   "SELECT id, org_path, jsonb_build_object('weight', jsonb_build_array(weight, 1)) AS data FROM kites")
    op.execute("UPDATE kites SET weight = 1")
    op.create_table("flights", sa.Column("id", sa.Integer(), primary_key=True))
    append_only(op, "flights")
'''
KITE = ("INSERT INTO kites (id, number, colour, org_path, version, created_at, created_by, updated_at, updated_by) "
        "VALUES (gen_random_uuid(), %s, 'red', %s, 1, now(), 'a', now(), 'a')")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, database_server: str) -> Iterator[Service]:
    """Its first revision is written by ``write_revision`` from its one model."""
    root = tmp_path_factory.mktemp("made up")
    package = f"kites_{uuid.uuid4().hex[:6]}"
    context = root / package / "sky"
    context.mkdir(parents=True)
    (root / package / "__init__.py").touch()
    (context / "__init__.py").touch()
    (context / "kite.py").write_text(MODEL)
    patch = pytest.MonkeyPatch()
    patch.setattr(chassis.service, "ROOT", root)
    patch.syspath_prepend(str(root))
    service = Service(package, package, contexts=("sky",))
    try:
        migrate.write_revision(service, database_server, "first kites, and more")
        yield service
    finally:
        patch.undo()
        _forget(package)


def _forget(package: str) -> None:
    """Takes the made-up model out of the registry again: other tests look at every mapped class."""
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]
    for mapper in list(Base.registry.mappers):
        if mapper.class_.__module__.startswith(package):
            Base.registry._dispose_cls(mapper.class_)


@pytest.fixture
def database(service: Service, database_server: str) -> Iterator[Database]:
    prefix = f"m{uuid.uuid4().hex[:8]}_"
    names = (service.name,)
    try:
        yield ensure_databases(database_server, prefix, lambda role: f"secret-{role}", names)[service.name]
    finally:
        drop_databases(database_server, prefix, names)


@pytest.fixture
def second(service: Service) -> Iterator[Path]:
    file = service.folder / "migrations" / "versions" / "0002_weights.py"
    file.write_text(textwrap.dedent(SECOND).lstrip())
    yield file
    file.unlink()
    shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)


def connect(url: str) -> psycopg2.extensions.connection:
    return psycopg2.connect(url)


def test_a_written_revision_makes_the_models_again(service: Service, database: Database) -> None:
    [file] = (service.folder / "migrations" / "versions").glob("0*.py")
    assert file.name == "0001_first_kites_and_more.py"
    assert 'scope_table(op, "kites")' in file.read_text()
    assert migrate.upgrade(service, database.owner_url) == ["0001"]
    assert migrate.upgrade(service, database.owner_url) == []
    assert migrate.drift(service, database.owner_url) == []


def test_drift_is_seen(service: Service, database: Database) -> None:
    migrate.upgrade(service, database.owner_url)
    with connect(database.owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE kites DROP COLUMN tail")
    connection.close()
    assert [change[0] for change in migrate.drift(service, database.owner_url)] == ["add_column"]


def test_rows_are_seen_by_scope_on_a_reused_connection(service: Service, database: Database) -> None:
    migrate.upgrade(service, database.owner_url)
    paths = ["/HQ/", "/HQ/B1/", "/HQ/B1/S1/", "/HQ/B1/S10/", "/HQ/上海/"]
    seen = {"/": 5, "/HQ/": 5, "/HQ/B1/": 3, "/HQ/B1/S1/": 1, "/HQ/上海/": 1, "/HQ/B": 3, "/X/": 0, "": 0}
    for url in (database.app_url, database.owner_url):  # FORCE: the owner is bound too
        with closing(connect(url)) as connection, connection.cursor() as cursor:
            if url == database.app_url:
                cursor.execute("SELECT set_config('app.scope', '/', true)")
                for number, path in enumerate(paths):
                    cursor.execute(KITE, (str(number), path))
                    cursor.execute("INSERT INTO journal (entity, entity_id, org_path, at, action, actor) "
                                   "VALUES ('kite', gen_random_uuid(), %s, now(), 'a', 'a')", (path,))
                cursor.execute("INSERT INTO journal (entity, entity_id, at, action, actor) "
                               "VALUES ('product', gen_random_uuid(), now(), 'a', 'a')")
                connection.commit()
            for scope, count in seen.items():
                cursor.execute("SELECT count(*) FROM kites")  # no scope, or an empty one left by the transaction before
                assert cursor.fetchone() == (0,)
                cursor.execute("SELECT set_config('app.scope', %s, true)", (scope,))
                cursor.execute("SELECT (SELECT count(*) FROM kites), (SELECT count(*) FROM journal)")
                assert cursor.fetchone() == (count, count + 1 if scope else 0), scope
                connection.commit()


def test_a_row_cannot_be_written_or_moved_out_of_the_scope(service: Service, database: Database) -> None:
    migrate.upgrade(service, database.owner_url)
    with closing(connect(database.app_url)) as connection, connection.cursor() as cursor:
        for statement, values in ((KITE, ("1", "/HQ/B2/")), ("UPDATE kites SET org_path = '/HQ/B2/'", ())):
            cursor.execute("SELECT set_config('app.scope', '/HQ/B1/', true)")
            cursor.execute(KITE, ("0", "/HQ/B1/"))
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement, values)
            connection.rollback()


def test_the_policy_uses_the_index(service: Service, database: Database) -> None:
    migrate.upgrade(service, database.owner_url)
    with closing(connect(database.app_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SELECT set_config('app.scope', '/HQ/B1/', false)")
        cursor.execute("EXPLAIN SELECT id FROM kites")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Cond: ((org_path >=" in plan and "org_path <" in plan, plan


def test_a_process_refuses_another_schema_than_its_own(service: Service, database: Database, second: Path) -> None:
    engine = make_engine(database.app_url, size=1)
    try:
        with pytest.raises(migrate.SchemaMismatch, match=r"older \(revision none\) .* \(0002\)"):
            migrate.require_current(service, engine)
        migrate.upgrade(service, database.owner_url, "0001")
        with pytest.raises(migrate.SchemaMismatch, match=r"older \(revision 0001\)"):
            migrate.require_current(service, engine)
        migrate.upgrade(service, database.owner_url)
        migrate.require_current(service, engine)
        content = second.read_text()
        second.unlink()
        try:
            migrate.require_current(service, engine)  # it takes nothing away, so it serves this release as well
            with closing(connect(database.owner_url)) as connection, connection:
                connection.cursor().execute("COMMENT ON TABLE alembic_version IS 'serves 0002'")
            with pytest.raises(migrate.SchemaMismatch, match=r"newer \(revision 0002\) than this release \(0001\)"):
                migrate.require_current(service, engine)
        finally:
            second.write_text(content)
    finally:
        engine.dispose()


def test_data_is_changed_under_the_system_scope_and_ledgers_are_narrowed(
    service: Service, database: Database, second: Path
) -> None:
    migrate.upgrade(service, database.owner_url, "0001")
    with closing(connect(database.app_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', '/', true)")
        cursor.execute(KITE, ("1", "/HQ/"))
        connection.commit()
        assert migrate.upgrade(service, database.owner_url) == ["0002"]
        cursor.execute("SELECT set_config('app.scope', '/', true)")
        cursor.execute("SELECT weight FROM kites")
        assert cursor.fetchall() == [(1,)]
        with closing(owner_engine(database.owner_url).connect()) as owner:
            [change] = changes(owner)
            assert (change.revision, change.entity, change.action, change.fields) == ("0002", "kites", "weighed", {"weight": (None, 1)})
            assert [c.id for c in changes(owner, ["0002"])] == [change.id]
            assert list(changes(owner, ["0001"])) == []
        cursor.execute("INSERT INTO flights VALUES (1)")
        connection.commit()
        for forbidden in ("UPDATE flights SET id = 2", "DELETE FROM flights", "UPDATE alembic_version SET version_num = '9'"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(forbidden)
            connection.rollback()


def test_an_idle_transaction_is_waited_for_briefly_and_others_do_not_queue(
    service: Service, database: Database, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "200ms")
    migrate.upgrade(service, database.owner_url, "0001")
    holder = connect(database.app_url)
    holder.cursor().execute("SELECT count(*) FROM kites")
    release = threading.Timer(1.0, holder.close)
    release.start()
    assert migrate.upgrade(service, database.owner_url) == ["0002"]
    release.join()


def test_a_deadlock_with_somebody_at_work_is_tried_again(service: Service, database: Database, second: Path) -> None:
    migrate.upgrade(service, database.owner_url, "0001")
    plain = second.read_text()
    second.write_text(plain.replace("def upgrade() -> None:\n", "def upgrade() -> None:\n    op.execute('LOCK TABLE kites, inbox')\n"))
    applied: list[list[str]] = []
    migration = threading.Thread(target=lambda: applied.append(migrate.upgrade(service, database.owner_url)))
    with closing(connect(database.app_url)) as holder, holder, holder.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM inbox")
        migration.start()
        time.sleep(0.4)  # it holds kites and waits for the inbox; who waits for a second first finds the circle and gives up
        cursor.execute("SELECT count(*) FROM kites")
    migration.join()
    second.write_text(plain)
    assert applied == [["0002"]]


def test_a_lock_that_is_never_given_ends_the_migration(
    service: Service, database: Database, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrate, "ATTEMPTS", 2)
    migrate.upgrade(service, database.owner_url, "0001")
    with closing(connect(database.app_url)) as holder:
        holder.cursor().execute("SELECT count(*) FROM kites")
        with pytest.raises(OperationalError, match="lock timeout"):
            migrate.upgrade(service, database.owner_url)
    engine = make_engine(database.app_url, size=1)
    assert migrate.current(engine) == "0001", "nothing of the revision is left"
    engine.dispose()


def test_two_at_once_apply_each_revision_once(service: Service, database: Database, second: Path) -> None:
    applied: list[list[str]] = []
    both = [threading.Thread(target=lambda: applied.append(migrate.upgrade(service, database.owner_url))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(applied) == [[], ["0001", "0002"]]
