"""Bring the schema of all databases to the current release. For developers: write a service's next revision."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from chassis.db import migrate
from deploy.local.databases import NAMES
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.suite import Refused, Suite


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--revision", nargs=2, metavar=("SERVICE", "MESSAGE"),
                        help="write the next revision of a service from its models, on a scratch database")


def run(arguments: argparse.Namespace) -> int:
    if arguments.revision:
        with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as postgres:
            name, message = arguments.revision
            print(migrate.write_revision(migrate.find_service(name), postgres.url(), message))
        return 0
    with Suite.open(arguments.data) as suite:
        for name in NAMES:
            service = migrate.find_service(name)
            try:
                applied = migrate.upgrade(service, suite.databases[name].owner_url)
            except migrate.SchemaMismatch as error:
                raise Refused(str(error)) from None
            print(f"{name:<12} {migrate.head(service)}  {'applied ' + ', '.join(applied) if applied else 'current'}")
    return 0
