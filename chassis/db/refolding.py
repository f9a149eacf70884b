"""Keys of rows that are there already: for migrations, after ``system_scope(op)``, that add a folded column or fold it another way
(chassis/db/folded.py). In go a table, its key and the column it is made of; out come filled, unique keys, and journal rows of those
that were there twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic.operations import Operations

from chassis.db.changes import record_changes
from chassis.db.folded import Fold, Folded
from chassis.domain import folding

BATCH = 5000


def fold_key(
    operations: Operations, revision: str, table: str, key: str, source: str, fold: Fold = folding.code, *,
    unique: str | None = None, within: Sequence[str] = (), replaces: str | None = None, nullable: bool = False,
) -> int:  # fmt: skip
    """Fills the key, made where it is not there. ``unique``: the constraint's name; it holds among rows of one ``within``. Where
    several rows have one key, the oldest keeps it and the others get ``#2``, ``#3`` and so on, which the journal tells; nothing is
    merged. ``replaces``: the constraint that it takes the place of. Returns how many rows there were twice."""
    connection = operations.get_bind()
    _column(operations, table, key)
    if replaces:
        operations.drop_constraint(replaces, table, type_="unique")
    rows = connection.execute(sa.text(
        f"SELECT id, {source}, {', '.join([*within, 'NULL'])} FROM {table} WHERE {source} IS NOT NULL"
        f" ORDER BY {'created_at, id' if unique else 'id'}"
    )).fetchall()  # fmt: skip
    keys = [(row[0], tuple(row[2:]), fold(row[1])) for row in rows]
    twice = dict(_numbered(keys)) if unique else {}
    _write(connection, table, key, [(id, twice.get(id, folded)) for id, _, folded in keys])
    if unique:
        operations.create_unique_constraint(unique, table, [*within, key])
    if not nullable:
        operations.alter_column(table, key, nullable=False)
    if twice:
        _journal(operations, revision, table, key, twice, {id: folded for id, _, folded in keys if id in twice})
    return len(twice)


def fold_words(
    operations: Operations, table: str, column: str, *sources: str, fold: Fold = folding.words, nullable: bool = False
) -> None:
    """Fills a searched column, made where it is not there."""
    connection = operations.get_bind()
    _column(operations, table, column)
    made = Folded(fold, sources)
    rows = connection.execute(sa.text(f"SELECT id, {', '.join(sources)} FROM {table}")).fetchall()
    found = ((row[0], made.of(dict(zip(sources, row[1:], strict=True)))) for row in rows)
    _write(connection, table, column, [(id, text) for id, text in found if text is not None])
    if not nullable:
        operations.alter_column(table, column, nullable=False)


def _column(operations: Operations, table: str, name: str) -> None:
    operations.execute(f'ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} text COLLATE "C"')


def _numbered(keys: Sequence[tuple[UUID, tuple[Any, ...], str]]) -> Iterator[tuple[UUID, str]]:
    """Rows whose key an older one has, with the key they get: one that no row has by itself."""
    taken, known = {(place, key) for _, place, key in keys}, set()
    for id, place, key in keys:
        if (place, key) not in known:
            known.add((place, key))
            continue
        free = next(name for n in count(2) if (place, name := f"{key}#{n}") not in taken)
        taken.add((place, free))
        yield id, free


def _write(connection: sa.Connection, table: str, column: str, values: Sequence[tuple[UUID, str]]) -> None:
    for some in (values[at : at + BATCH] for at in range(0, len(values), BATCH)):
        connection.execute(
            sa.text(
                f"UPDATE {table} t SET {column} = v.key FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[])) v (id, key)"
                f" WHERE t.id = v.id AND t.{column} IS DISTINCT FROM v.key"
            ),
            {"ids": [str(id) for id, _ in some], "keys": [key for _, key in some]},
        )


def _journal(
    operations: Operations, revision: str, table: str, key: str, given: dict[UUID, str], same: dict[UUID, str]
) -> None:
    connection = operations.get_bind()
    scoped = any(column["name"] == "org_path" for column in sa.inspect(connection).get_columns(table))
    connection.execute(sa.text("CREATE TEMPORARY TABLE there_twice (id uuid, same text, given text) ON COMMIT DROP"))
    connection.execute(
        sa.text("INSERT INTO there_twice VALUES (:id, :same, :given)"),
        [{"id": id, "same": same[id], "given": kept} for id, kept in given.items()],
    )
    record_changes(operations, revision, table, "there_twice", (
        f"SELECT t.id, {'t.org_path' if scoped else 'NULL'} AS org_path,"
        f" jsonb_build_object('{key}', jsonb_build_array(w.same, w.given)) AS data FROM there_twice w JOIN {table} t ON t.id = w.id"
    ))  # fmt: skip
    connection.execute(sa.text("DROP TABLE there_twice"))
