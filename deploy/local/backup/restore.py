"""What a restore does to databases made aside (deploy/local/replacing.py): fill them, bring them to this release's schema,
and make their outboxes tell again what may not have arrived.

The broker is not part of a backup. What had been sent but was not yet handled by every subscriber at the instant of the
backup is sent again, and inboxes drop what they know. What the broker still holds belongs to a time that did not happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import psycopg2
import psycopg2.errors
from sqlalchemy.engine import make_url

from chassis.db import migrate
from chassis.service import find_service
from contracts import reconcile
from contracts.reconcile import delivery, sources
from deploy.local.backup import tables
from deploy.local.backup.archive import Archive, Unusable
from deploy.local.databases import Database

DAMAGED = (tables.Misfit, psycopg2.DataError, psycopg2.IntegrityError, psycopg2.errors.QueryCanceled)


def fill(archive: Archive, databases: Mapping[str, Database], progress: Callable[[str], None]) -> None:
    """Loads a backup into empty databases and brings them to this release's schema. Raises ``Unusable``."""
    for name, saved in archive.manifest.databases.items():
        progress(name)
        service, url = find_service(name), databases[name].owner_url
        try:
            migrate.upgrade(service, url, saved.revision)
        except migrate.SchemaMismatch as error:
            raise Unusable(str(error)) from None
        try:
            with _transaction(url) as connection:
                tables.load(connection, saved, partial(archive.opened, name))
        except DAMAGED as error:
            raise Unusable(f"{name} cannot be loaded: {str(error).strip()}") from error
        with _transaction(url) as connection:
            connection.cursor().execute("ANALYZE")
        migrate.upgrade(service, url)


def send_again(databases: Mapping[str, Database]) -> int:
    """Takes back the mark of events that were sent but that not every subscriber has in its inbox; how many."""
    lost: dict[str, set[str]] = {}
    with sources.snapshots(databases, reconcile.subscribers(), live=False, limit=0) as snapshots:
        for service in databases:
            for event_id, owner, *_ in delivery.unhandled(snapshots, service):
                lost.setdefault(owner, set()).add(event_id)
    for owner, ids in lost.items():
        with _transaction(databases[owner].owner_url) as connection:
            connection.cursor().execute(
                "UPDATE outbox SET sent_at = NULL, next_at = NULL, attempts = 0, reason = NULL WHERE id = ANY(%s::uuid[])",
                (sorted(ids),),
            )
    return sum(map(len, lost.values()))


def sign_out_everybody(databases: Mapping[str, Database]) -> None:
    """Sessions that were ended after the backup would live again."""
    with _transaction(databases["gateway"].owner_url) as connection:
        connection.cursor().execute("UPDATE sessions SET ended_at = now(), ended_why = 'restored' WHERE ended_at IS NULL")


@contextmanager
def _transaction(url: str) -> Iterator[Any]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    options = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c timezone=UTC"
    with closing(psycopg2.connect(plain, application_name="aftersales restore", options=options)) as connection:
        with connection:
            connection.cursor().execute("SELECT set_config('app.scope', '/', true)")
            yield connection
