"""`bench lag`: from the commit that tells of an event to the commit of its effect in another database, while cases run."""

from __future__ import annotations

import argparse
import threading
from collections import defaultdict
from contextlib import closing
from statistics import quantiles
from typing import Any

import psycopg2
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import make_url

from bench import ratios
from deploy.local.databases import Database
from deploy.local.folder import DataFolder
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.suite import EMBEDDED, Suite

REACH = {EMBEDDED: 50.0}
ON_SERVERS = 100.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--clients", type=int, default=20, help="cases in flight (default 20)")


def run(arguments: argparse.Namespace, running: Any) -> int:
    """0 when the 95th percentile is within reach, else 1. Both times are those of the database server, of commits where it
    keeps them (an embedded suite of this command's own does); elsewhere of when the telling transaction and the handling one
    began, so that the telling one's own length is counted and the handler's is not."""
    from tests.support.campaign import Campaign
    from tests.support.company import Company

    console = Console(highlight=False)
    if running.process is not None and running.mode == EMBEDDED:
        _keep_commit_times(running)
    company = Company(running.client(patience=120.0))
    for site in company.sites:
        company.receive(site, [(part["id"], 1000 + 3 * arguments.cases) for part in company.parts])
    with Suite.open(running.data, running=True) as suite:
        told = {name: _rows(database, "SELECT coalesce(max(position), 0) FROM outbox")[0][0]
                for name, database in suite.databases.items()}
        exact = _rows(suite.databases["orders"], "SHOW track_commit_timestamp")[0][0] == "on"
        if exact:
            for database in suite.databases.values():
                _rows(database, _NOTE)
        Campaign(company, arguments.cases, patience=60.0).run_beside(threading.Thread(), arguments.clients)
        lags = _lags(suite.databases, _COMMITTED if exact else _BEGAN, told)
        reach = REACH.get(suite.mode, ON_SERVERS)
    table = Table("handled by", "events", "p50 ms", "p95 ms", "longest ms")
    everything = sorted(pair for found in lags.values() for pair in found)
    for name, pairs in [*sorted(lags.items()), ("all", everything)]:
        found = [lag for _, lag in pairs]
        cuts = quantiles(found, n=20) if len(found) > 1 else found * 20
        table.add_row(name, str(len(found)), f"{cuts[9]:.1f}", f"{cuts[18]:.1f}", f"{max(found):.1f}")
    console.print(table)
    quarter = -(-len(everything) // 4)
    turns = [ratios.p95([lag for _, lag in everything[n:n + quarter]]) for n in range(0, len(everything), quarter)]
    p95 = ratios.p95([lag for _, lag in everything])
    console.print(f"p95 {p95:.1f} ms on {suite.mode}, {'commit to commit' if exact else 'begin to begin'} ({min(turns):.1f}–{max(turns):.1f} by quarters of the run), "
                  f"reach {reach:g} ms{'' if p95 <= reach else ': missed'}")
    return 0 if p95 <= reach else 1


# When each event was told and when it was handled: seconds, by its id.
_COMMITTED = (
    "SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM bench_told",
    "SELECT event_id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM inbox WHERE state = 'done'",
)
_BEGAN = (
    "SELECT id, extract(epoch FROM created_at)::float8 FROM outbox WHERE position > {told}",
    "SELECT event_id, extract(epoch FROM handled_at)::float8 FROM inbox",
)
# The outbox's own row tells no more when it was committed once it is marked as sent.
_NOTE = """
    CREATE TABLE bench_told (id uuid);
    CREATE FUNCTION bench_tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO bench_told VALUES (NEW.id); RETURN NULL; END $$;
    CREATE TRIGGER bench_tell AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION bench_tell();
    COMMIT; SELECT 1"""


def _keep_commit_times(running: Any) -> None:
    """Starts the suite again with a server that keeps them."""
    server = EmbeddedPostgres(DataFolder(running.data).postgres).url()
    url = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    running.stop()
    running.start()


def _lags(databases: dict[str, Database], asked: tuple[str, str], told: dict[str, int]) -> dict[str, list[tuple[float, float]]]:
    """(when it was handled, after how many milliseconds) by handling service."""
    of_events, of_effects = asked
    began: dict[Any, float] = {}
    for name, database in databases.items():
        began |= dict(_rows(database, of_events.format(told=told[name])))
    lags: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, database in databases.items():
        for event, handled in _rows(database, of_effects):
            if event in began and handled is not None:
                lags[name].append((handled, (handled - began[event]) * 1000))
    return lags


def _rows(database: Database, statement: str) -> list[Any]:
    url = make_url(database.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url, options="-c app.scope=/")) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()
