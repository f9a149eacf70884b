"""No process starts on a schema that is not its release's, and each says why."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from chassis.db import migrate
from chassis.ops.settings import settings
from chassis.service import find_service
from deploy import process
from deploy.local.databases import Database, drop_databases, ensure_databases
from deploy.prepare import migrate_all
from tests.support.databases import owner
from tests.support.suites import RunningSuite

KINDS = ("http", "worker", "relay")


@pytest.fixture(scope="module")
def databases(database_server: str) -> Iterator[dict[str, Database]]:
    prefix = f"s{uuid.uuid4().hex[:8]}_"
    made = ensure_databases(database_server, prefix, lambda role: f"secret-{role}")
    try:
        migrate_all(made)
        yield made
    finally:
        drop_databases(database_server, prefix)


@pytest.fixture
def environment(databases: dict[str, Database], monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name, database in databases.items():
        monkeypatch.setenv(f"AFTERSALES_DATABASE_URL_{name.upper()}", database.app_url)
    for runs in ("_module", "_gunicorn"):  # what would take the place of this program
        monkeypatch.setattr(process, runs, lambda *_: 0)
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


def at_revision(database: Database, revision: str | None, serves: str | None = None) -> None:
    with closing(psycopg2.connect(database.owner_url)) as connection, connection:
        connection.cursor().execute("DELETE FROM alembic_version")
        if revision:
            connection.cursor().execute("INSERT INTO alembic_version VALUES (%s)", (revision,))
            connection.cursor().execute(f"COMMENT ON TABLE alembic_version IS 'serves {serves or revision}'")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", process.WITH_DATABASE)
def test_each_process(
    name: str, kind: str, databases: dict[str, Database], environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = migrate.head(find_service(name))
    try:
        assert process.main([kind, name]) in (0, None)
        for revision, told in ((None, "older (revision none)"), ("9999", "newer (revision 9999)")):
            at_revision(databases[name], revision)
            assert process.main([kind, name]) == 1
            said = capsys.readouterr().err
            assert f"the database of {name} is {told}" in said and f"({ours})" in said
    finally:
        at_revision(databases[name], ours)


@pytest.mark.parametrize("name", process.WITH_DATABASE)
def test_a_schema_that_serves_this_release_too(
    name: str, databases: dict[str, Database], environment: pytest.MonkeyPatch
) -> None:
    """In the middle of an upgrade a process of the release before starts again."""
    ours = migrate.head(find_service(name))
    try:
        at_revision(databases[name], "9999", serves=ours)
        assert process.main(["http", name]) in (0, None)
        at_revision(databases[name], "9999", serves="9998")
        assert process.main(["http", name]) == 1
    finally:
        at_revision(databases[name], ours)


def test_migrating_does_not_touch_what_is_newer(databases: dict[str, Database]) -> None:
    service = find_service("finance")
    at_revision(databases["finance"], "9999")
    try:
        with pytest.raises(migrate.SchemaMismatch, match=r"newer \(revision 9999\)"):
            migrate.upgrade(service, databases["finance"].owner_url)
    finally:
        at_revision(databases["finance"], migrate.head(service))


@pytest.mark.slow
def test_up_says_so_and_leaves_it_alone() -> None:
    """An older schema is migrated by `up`; a newer one was made by a release that must be used instead."""
    suite = RunningSuite()
    try:
        suite.start()
        owner(suite, "orders", "UPDATE alembic_version SET version_num = '9999'")
        suite.stop()
        with pytest.raises(AssertionError, match=r"up .* ended"):
            suite.start()
        assert suite.process is not None and suite.process.returncode == 2
        said = [line for line in suite.output if "aftersales up:" in line]
        assert len(said) == 1 and "the database of orders is newer (revision 9999)" in said[0]
        migrated = suite.run("migrate")
        assert migrated.returncode == 2 and "newer (revision 9999)" in migrated.stderr
    finally:
        suite.dispose()
