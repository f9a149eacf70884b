"""Dry runs watched from outside: what every table of every database holds, before and after."""

from __future__ import annotations

import time
from typing import Any

import psycopg2
from psycopg2 import sql
from sqlalchemy.engine import make_url

from tests.support.client import Answer, Client
from tests.support.contracts import find
from tests.support.databases import databases
from tests.support.suites import RunningSuite

TABLES = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace ORDER BY 1"
APART = {"partner_calls"}
"""The call log, where a dry run belongs."""
SETTLED, TRIES = 20.0, 4
Holdings = dict[str, tuple[int, int]]


class Watch:
    """Rows and contents of all tables of a running suite, asked in one statement a database."""

    def __init__(self, suite: RunningSuite) -> None:
        self._asking: list[tuple[Any, sql.Composable]] = []
        for name, database in databases(suite).items():
            url = make_url(database.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
            connection = psycopg2.connect(url)
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SET app.scope = '/'")
                cursor.execute(TABLES)
                tables = [table for (table,) in cursor.fetchall() if table not in APART]
            self._asking.append((connection, sql.SQL(" UNION ALL ").join(
                sql.SQL("SELECT {}, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {} t").format(
                    sql.Literal(f"{name}.{table}"), sql.Identifier(table)) for table in tables)))

    def close(self) -> None:
        for connection, _ in self._asking:
            connection.close()

    def holdings(self) -> Holdings:
        """Number of rows and a sum of their contents, by service and table."""
        found: Holdings = {}
        for connection, whole in self._asking:
            with connection.cursor() as cursor:
                cursor.execute(whole)
                found |= {table: (rows, contents) for table, rows, contents in cursor.fetchall()}
        return found

    def settled(self) -> Holdings:
        """The same, once the events of what happened before are through everywhere."""
        deadline, before = time.monotonic() + SETTLED, self.holdings()
        while True:
            time.sleep(0.05)
            now = self.holdings()
            if now == before or time.monotonic() > deadline:
                return now
            before = now

    def rehearse(self, client: Client, method: str, path: str, body: Any, **options: Any) -> Answer:
        """The answer to a dry run, after which every table must hold what it held. Timers and late events write by themselves,
        so that a difference counts when it comes each time; what a dry run leaves, it leaves each time."""
        headers = {**options.pop("headers", {}), "Dry-Run": "true"}
        for _ in range(TRIES):
            before = self.settled()
            answer = client.call(method, path, body, headers=headers, **options)
            after = self.holdings()
            assert answer.headers.get("dry-run") == "true", f"{method} {path}: {answer.status} {answer.raw[:300]!r}"
            if after == before:
                return answer
        left = sorted(table for table in after if after[table] != before.get(table))
        raise AssertionError(f"the dry run of {method} {path} ({answer.status}) left something in {left}")


class Rehearsing(Client):
    """Does every write as a dry run first. ``rehearsed``: operations whose dry run would have succeeded."""

    watch: Watch
    rehearsed: set[str]

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        operation = find(method, path)
        if method == "GET" or operation is None or operation.spec.get("x-idempotent") is False or "Dry-Run" in options.get("headers", {}):
            return super().call(method, path, body, **options)
        dry = self.watch.rehearse(self, method, path, body, **options)
        answer = super().call(method, path, body, **options)
        if dry.ok and answer.ok:
            self.rehearsed.add(f"{operation.service}.{operation.operation_id}")
            assert dry.status == answer.status and dry.json.keys() == answer.json.keys() - set(operation.spec.get("x-told-once", ()))
        return answer
