"""The five databases as reconcile reads them: as owner, under the system scope, each in one read-only snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import psycopg2
import psycopg2.extras
from sqlalchemy.engine import make_url

CHUNK = 2000
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Offender:
    """``document`` is what a reader would look for, ``detail`` what is wrong with it. ``ids`` are the aggregates whose
    unhandled events would explain it; they do not tell two offenders apart."""

    invariant: int
    document: str
    detail: str
    ids: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[int, str]:
        return self.invariant, self.document


@dataclass(frozen=True)
class Subscribers:
    """Which services handle an event type."""

    by_type: Mapping[str, tuple[str, ...]]

    def types_of(self, service: str) -> list[str]:
        return sorted(type_ for type_, services in self.by_type.items() if service in services)


class Owned(Protocol):
    """A database by the URL of its owner, for libpq."""

    @property
    def owner_url(self) -> str: ...


class Sources:
    """One snapshot per database. ``live``: the suite is up, so what waits is being worked on. ``limit``: seconds that an
    event may wait."""

    def __init__(
        self, connections: Mapping[str, Any], subscribers: Subscribers, *, live: bool, limit: float
    ) -> None:
        self.connections, self.subscribers = connections, subscribers
        self.live, self.limit = live, limit
        self._names = count()

    def rows(self, service: str, statement: str, parameters: tuple[Any, ...] | dict[str, Any] = ()) -> Iterator[Row]:
        """All rows of a query, streamed. Several streams of one database may be open at once."""
        with self.connections[service].cursor(name=f"reconcile_{next(self._names)}") as cursor:
            cursor.itersize = CHUNK
            cursor.execute(statement, parameters)
            yield from cursor

    def table(self, service: str, statement: str, parameters: tuple[Any, ...] = ()) -> dict[str, Row]:
        """Rows by their first column."""
        return {str(row[0]): row[1:] for row in self.rows(service, statement, parameters)}

    def merged(self, left: tuple[str, str], right: tuple[str, str]) -> Iterator[tuple[str, Row | None, Row | None]]:
        """(key, row of the left, row of the right) of two (service, query), both ordered by their first column, which is
        unique and of the same type. Memory stays flat however many rows there are."""
        return merge(self.rows(*left), self.rows(*right))


def merge(left: Iterator[Row], right: Iterator[Row]) -> Iterator[tuple[str, Row | None, Row | None]]:
    """Full outer join of two streams ordered by their first column (as text)."""
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and str(a[0]) < str(b[0])):
            assert a is not None
            yield str(a[0]), a[1:], None
            a = next(left, None)
        elif a is None or str(b[0]) < str(a[0]):
            yield str(b[0]), None, b[1:]
            b = next(right, None)
        else:
            yield str(a[0]), a[1:], b[1:]
            a, b = next(left, None), next(right, None)


@contextmanager
def snapshots(
    databases: Mapping[str, Owned], subscribers: Subscribers, *, live: bool, limit: float
) -> Iterator[Sources]:
    """Read-only snapshots of all databases, taken as close together as possible."""
    with ExitStack() as stack:
        connections = {}
        for name, database in databases.items():
            url = make_url(database.owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
            connection = stack.enter_context(
                closing(psycopg2.connect(url, connect_timeout=10, application_name="aftersales reconcile"))
            )
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            connections[name] = connection
        for connection in connections.values():
            with connection.cursor() as cursor:  # opens the snapshot; the named scope of this command sees everything
                cursor.execute("SELECT set_config('app.scope', '/', true)")
                cursor.execute("SET LOCAL timezone = 'UTC'")
        yield Sources(connections, subscribers, live=live, limit=limit)


Check = Callable[[Sources], Iterator[Offender]]
