"""Replacing everything a suite holds, by a backup or by nothing: the new databases are made aside and take the place of the
old ones when they are whole, all five in one transaction. Whatever fails before leaves everything as it was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2.errors
from pika.exceptions import AMQPError

from chassis import crypto
from chassis.messaging import topology
from chassis.ops.settings import settings
from chassis.service import suite
from deploy.local.databases import (
    NAMES,
    Database,
    drop_aside,
    ensure_databases,
    existing_databases,
    replace_databases,
)
from deploy.local.files import write_private
from deploy.local.folder import DataFolder, FolderInUse
from deploy.local.suite import Refused, Servers, server_of

CONFIRM = "replace what the suite holds"
NEW = "_new"


@contextmanager
def replacing(folder: DataFolder, yes: bool, keyring: Path | None = None) -> Iterator[dict[str, Database]]:
    """Databases without any table for the block to fill; at its normal end they are the suite's. The suite must be down;
    one that holds anything is replaced only when that is confirmed. ``keyring``: the ring that their rows are sealed under
    takes the place of the suite's, whose keys it keeps for backups of before."""
    broker = Servers.given()
    folder.prepare()
    try:
        with folder.lock(wait=0.5), server_of(folder) as (_, server, prefix):
            if existing_databases(server, prefix) and not confirmed(folder, yes):
                raise Refused(f"the suite of {folder.path} holds data: confirm with --yes that it may be replaced")
            if broker:
                _empty_queues(broker, prefix, all_of_them=False)  # says now if it is away
            with aside(server, prefix, NEW, folder.secret) as databases:
                ring = keyring if keyring is not None and keyring.exists() else folder.keyring
                crypto.use(ring)
                yield databases
                folder.replaced_half = True
                _take_over(folder, server, prefix)
                if ring != folder.keyring:
                    taken, former = crypto.ring(), crypto.Ring.parse(folder.keyring.read_text(encoding="utf-8"))
                    write_private(folder.keyring, taken.beside(former).text())
                if broker:
                    _empty_queues(broker, prefix)
                # Tokens of users and sessions that are no more; `up` makes a new key.
                folder.signing_key.unlink(missing_ok=True)
                folder.replaced_half = False
    except FolderInUse as error:
        raise Refused(f"{error}: stop it first (`down`)") from None
    except psycopg2.OperationalError as error:
        raise Refused(f"PostgreSQL: {str(error).strip()}") from None


@contextmanager
def aside(
    server: str, prefix: str, suffix: str, secret: Callable[[str], str], names: tuple[str, ...] = NAMES
) -> Iterator[dict[str, Database]]:
    """Empty databases beside the usual ones; gone at the end unless they took their place."""
    drop_aside(server, prefix, suffix, names)
    try:
        yield ensure_databases(server, prefix, secret, names, suffix)
    finally:
        drop_aside(server, prefix, suffix, names)


def confirmed(folder: DataFolder, yes: bool) -> bool:
    if yes or not sys.stdin.isatty():
        return yes
    return input(f"Everything in the suite of {folder.path} will be replaced. Type yes: ").strip() == "yes"


def _take_over(folder: DataFolder, server: str, prefix: str) -> None:
    try:
        replace_databases(server, prefix, NEW)
    except psycopg2.errors.ObjectInUse as error:
        folder.replaced_half = False
        raise Refused(f"somebody is connected, stop all processes first: {str(error).strip()}") from None


def _empty_queues(broker: Servers, prefix: str, *, all_of_them: bool = True) -> None:
    """What the broker holds belongs to the data that is replaced."""
    os.environ["AFTERSALES_AMQP_PREFIX"] = prefix.rstrip("_")
    settings.cache_clear()
    try:
        topology.clear(broker.amqp_url, suite() if all_of_them else [])
    except (AMQPError, OSError) as error:
        raise Refused(f"RabbitMQ does not answer: {error!r}") from None
