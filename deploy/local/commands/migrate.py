"""Bring the schema of all databases to the current release. For developers: write a service's next revision."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from chassis.db import migrate
from chassis.db.changes import Change, changes
from chassis.db.engine import owner_engine
from chassis.service import find_service
from deploy.local.databases import NAMES
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.suite import Refused, Suite


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--revision", nargs=2, metavar=("SERVICE", "MESSAGE"),
                        help="write the next revision of a service from its models, on a scratch database")
    parser.add_argument("--changes", action="store_true", help="list what migrations have changed of people's data, old and new value")


def run(arguments: argparse.Namespace) -> int:
    if arguments.revision:
        with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as postgres:
            name, message = arguments.revision
            print(migrate.write_revision(find_service(name), postgres.url(), message))
        return 0
    with Suite.open(arguments.data) as suite:
        if arguments.changes:
            return _list_changes(suite)
        for name in NAMES:
            service = find_service(name)
            try:
                applied = migrate.upgrade(service, suite.databases[name].owner_url)
            except migrate.SchemaMismatch as error:
                raise Refused(str(error)) from None
            print(f"{name:<12} {migrate.head(service)}  {'applied ' + ', '.join(applied) if applied else 'current'}")
            if changed := sum(1 for _ in _changes(suite, name, applied)):
                print(f"{'':<12} {changed} rows of data were changed: `./aftersales migrate --changes` lists them")
    return 0


def _changes(suite: Suite, service: str, revisions: list[str] | None = None) -> Iterator[Change]:
    engine = owner_engine(suite.databases[service].owner_url)
    with engine.connect() as connection:
        yield from changes(connection, revisions)
    engine.dispose()


def _list_changes(suite: Suite) -> int:
    """One line a row: service, revision, table, id, what was done, and each field before and after."""
    for name in NAMES:
        for change in _changes(suite, name):
            fields = ", ".join(f"{field}: {before} -> {after}" for field, (before, after) in change.fields.items())
            print(f"{name} {change.revision} {change.entity} {change.id} {change.action} {fields}")
    return 0
