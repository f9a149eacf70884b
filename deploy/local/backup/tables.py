"""The rows of one database, out of it and into it. The schema is not part of a backup: migrations make it, with the
rights of whatever roles the new place has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import IO, Any

from psycopg2 import sql


class Misfit(Exception):
    """Rows do not fit the schema they were saved with, or are not all there: the backup is damaged."""


@dataclass
class Table:
    """Columns in the order of the saved rows, and how many rows there are."""

    columns: list[str]
    rows: int = 0


@dataclass
class Content:
    """What is saved of one database: its revision, tables by name, sequences as (last value, whether it was given out)."""

    revision: str
    tables: dict[str, Table] = field(default_factory=dict)
    sequences: dict[str, tuple[int, bool]] = field(default_factory=dict)


# Computed columns compute themselves again; partitions are reached through their parent; the revision is set by migrating.
_TABLES = """SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname <> 'alembic_version' GROUP BY c.relname ORDER BY c.relname"""
_REFERENCES = """SELECT r.relname, f.relname FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid
    JOIN pg_class f ON f.oid = k.confrelid WHERE k.contype = 'f' AND k.conrelid <> k.confrelid"""
_GUARDED = """SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"""
_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"


def content(connection: Any) -> Content:
    """What there is to save, in the connection's snapshot; rows are not counted yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM alembic_version")
        found = Content(cursor.fetchone()[0])
        cursor.execute(_TABLES)
        found.tables = {name: Table(columns) for name, columns in cursor.fetchall()}
        cursor.execute(_SEQUENCES)
        for (name,) in cursor.fetchall():
            # Sequences know no snapshot; one that is ahead of the rows does no harm.
            cursor.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(name)))
            found.sequences[name] = cursor.fetchone()
    return found


def save(connection: Any, name: str, table: Table, file: IO[bytes]) -> None:
    """Writes a table's rows as PostgreSQL's COPY text, and counts them."""
    rows = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(_list(table.columns), sql.Identifier(name))
    with connection.cursor() as cursor:
        cursor.copy_expert(rows, file)
        table.rows = cursor.rowcount


def load(connection: Any, saved: Content, opened: Callable[[str], AbstractContextManager[IO[bytes]]]) -> None:
    """Fills the tables of a database at the saved revision, in the caller's transaction as its owner. What migrations
    put there gives way. Balances are saved with what they follow from, so triggers sleep; foreign keys are checked."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        there = {name: set(columns) for name, columns in cursor.fetchall()}
        for name, table in saved.tables.items():
            if missing := set(table.columns) - there.get(name, set()):
                raise Misfit(f"{name} has no {', '.join(sorted(missing))} at revision {saved.revision}")
        cursor.execute(_GUARDED)
        guarded = [name for (name,) in cursor.fetchall()]
        _each(cursor, "ALTER TABLE {} DISABLE TRIGGER USER", there)
        _each(cursor, "ALTER TABLE {} DISABLE ROW LEVEL SECURITY", guarded)  # else nothing can be copied into them
        cursor.execute(sql.SQL("TRUNCATE {}").format(_list(there)))
        for name in _referenced_first(cursor, there):
            if name in saved.tables:
                _fill(cursor, name, saved.tables[name], opened)
        for name, (last, called) in saved.sequences.items():
            cursor.execute("SELECT setval(%s, %s, %s)", (f'public."{name}"', last, called))
        _each(cursor, "ALTER TABLE {} ENABLE ROW LEVEL SECURITY", guarded)
        _each(cursor, "ALTER TABLE {} ENABLE TRIGGER USER", there)


def _fill(
    cursor: Any, name: str, table: Table, opened: Callable[[str], AbstractContextManager[IO[bytes]]]
) -> None:
    rows = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(name), _list(table.columns))
    with opened(name) as file:
        cursor.copy_expert(rows, file)
    if cursor.rowcount != table.rows:
        raise Misfit(f"{name} has {cursor.rowcount} rows instead of {table.rows}")


def _referenced_first(cursor: Any, tables: Mapping[str, Any]) -> list[str]:
    cursor.execute(_REFERENCES)
    graph: dict[str, set[str]] = {name: set() for name in tables}
    for name, referenced in cursor.fetchall():
        graph[name].add(referenced)
    return list(TopologicalSorter(graph).static_order())


def _each(cursor: Any, statement: str, names: Any) -> None:
    for name in names:
        cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))


def _list(names: Any) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
