"""A consistent cut through the five databases: snapshots between which nothing was committed anywhere.

Facts travel from one database to another, so a snapshot of one that is older than that of another could lack what the
other has heard of already. Every unit of work takes the shared side of an advisory lock in front of its COMMIT; whoever
holds the other side in all databases stands between commits. Work goes on meanwhile, only commits wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
import psycopg2.errors
from sqlalchemy.engine import make_url

from chassis.db.engine import GATE
from deploy.local.databases import Database

PATIENCE = 4.0
"""Seconds to wait for the commits in hand; meanwhile new ones wait behind us, so this is what writes are paused at most."""
FROZEN = 5.0
"""Seconds after which the server itself ends a pause whose holder has fallen silent."""
TRIES, REST = 5, 2.0
SNAPSHOT = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c timezone=UTC"
PAUSE = f"-c idle_in_transaction_session_timeout={FROZEN:.0f}s"


class NoPause(Exception):
    """Writes could not be paused in time; nothing was changed."""


@dataclass(frozen=True)
class Cut:
    """``connections``: by service, as owner under the system scope, in a read-only snapshot. ``paused``: seconds for
    which nobody could commit."""

    connections: Mapping[str, Any]
    paused: float


@contextmanager
def cut(databases: Mapping[str, Database]) -> Iterator[Cut]:
    """Snapshots of all databases at one instant; migrations wait until the block ends."""
    with ExitStack() as stack:
        snapshots = {name: stack.enter_context(_connected(one, SNAPSHOT)) for name, one in databases.items()}
        for connection in snapshots.values():
            connection.autocommit = True
            connection.cursor().execute("SELECT pg_advisory_lock_shared(hashtext('aftersales.migrate'))")
            connection.autocommit = False
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        for tried in range(1, TRIES + 1):
            try:
                paused = _between_commits(databases, snapshots)
                break
            except (psycopg2.errors.LockNotAvailable, psycopg2.OperationalError) as error:
                if tried == TRIES:
                    raise NoPause(f"writes could not be paused within {PATIENCE:g} s: {str(error).strip()}") from error
            for connection in snapshots.values():
                connection.rollback()
            time.sleep(REST)
        yield Cut(snapshots, paused)


def _between_commits(databases: Mapping[str, Database], snapshots: Mapping[str, Any]) -> float:
    """Takes all snapshots while nobody can commit; how long that was."""
    with ExitStack() as stack:
        gates = [stack.enter_context(_connected(database, PAUSE)) for database in databases.values()]
        began = time.monotonic()
        for gate in gates:
            left = max(1, int(1000 * (began + PATIENCE - time.monotonic())))
            gate.cursor().execute(f"SET LOCAL lock_timeout = {left}; SELECT pg_advisory_xact_lock({GATE})")
        for connection in snapshots.values():
            connection.cursor().execute("SELECT set_config('app.scope', '/', true)")
        for gate in gates:
            gate.cursor().execute("SELECT 1")  # fails where the server has ended the pause before the snapshots were taken
        for gate in gates:
            gate.rollback()
        return time.monotonic() - began


@contextmanager
def _connected(database: Database, options: str) -> Iterator[Any]:
    url = make_url(database.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
    name = "aftersales backup"
    with closing(psycopg2.connect(url, connect_timeout=10, application_name=name, options=options)) as connection:
        yield connection
