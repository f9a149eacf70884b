"""Every sealed value of a database under the current key (G-24), in small transactions beside the running suite; run as the
owner, since outboxes and ledgers are closed to the application. Cut off at any moment, it is simply run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Engine

from chassis import crypto
from chassis.crypto.ring import HEAD, VERSION
from chassis.db.sealed import Encrypted
from chassis.db.tables import idempotency, inbox, metadata_of, outbox
from chassis.events import sealing
from chassis.service import Service

BATCH = 500
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Place:
    """Where sealed values stand. ``sealed`` gives their bytes in SQL, ``rows`` says which rows have any;
    ``again`` makes the stored value anew from the one found and the row's primary key."""

    column: sa.Column[Any]
    sealed: sa.ColumnElement[Any]
    rows: sa.ColumnElement[bool]
    again: Callable[[Any, Key], Any]

    @property
    def table(self) -> sa.Table:
        return self.column.table

    @property
    def key(self) -> list[sa.Column[Any]]:
        return list(self.table.primary_key.columns)

    def foreign(self) -> sa.ColumnElement[bool]:
        """Rows that are not under the current key."""
        head = VERSION + bytes.fromhex(crypto.ring().current)
        return sa.and_(self.rows, sa.func.coalesce(sa.func.substr(self.sealed, 1, HEAD), b"") != head)


def places(service: Service) -> list[Place]:
    """All of one database."""
    columns = [
        column
        for table in metadata_of(service).sorted_tables
        for column in table.columns
        if isinstance(column.type, Encrypted)
    ]
    return [*map(_column, columns), _event(outbox.c.envelope), _event(inbox.c.envelope), _answer()]


def require_ring(engine: Engine, service: Service) -> None:
    """Raises RingError when this is not the ring that sealed the database. One row of each encrypted column tells: a ring that
    was lost and made anew knows none of their keys."""
    with engine.connect() as connection:
        _see_all(connection)
        for place in (place for place in places(service) if isinstance(place.column.type, Encrypted)):
            sealed = connection.scalar(sa.select(place.sealed).where(place.rows).order_by(*place.key).limit(1))
            if sealed is not None and (key := crypto.key_of(bytes(sealed))) not in crypto.ring().keys:
                raise crypto.RingError(
                    f"{place.table.name} of {service.name} was sealed under the key {key}, which the key ring lacks: put the"
                    " ring (keyring.json) that belongs to these databases in its place"
                )


def reseal(engine: Engine, service: Service) -> Iterator[int]:
    """Seals again, or for the first time, what is not under the current key; after each transaction how many rows it had.
    Rows that somebody holds just then are left for the next time."""
    for place in places(service):
        after: Key | None = None
        while True:
            with engine.begin() as connection:
                keys = _batch(connection, place, after)
            if not keys:
                break
            after = keys[-1]
            yield len(keys)


def in_use(engine: Engine, service: Service) -> dict[str, int]:
    """How many values of a database are sealed under which key; under the empty one those that are not sealed yet."""
    found: dict[str, int] = {}
    with engine.connect() as connection:
        _see_all(connection)
        for place in places(service):
            of = sa.func.coalesce(sa.func.encode(sa.func.substr(place.sealed, 2, HEAD - 1), "hex"), "")
            for key, count in connection.execute(sa.select(of, sa.func.count()).where(place.rows).group_by(of)):
                found[key] = found.get(key, 0) + count
    return found


def _batch(connection: Connection, place: Place, after: Key | None) -> list[Key]:
    _see_all(connection)
    wanted = sa.select(*place.key, sa.type_coerce(place.column, _plain(place.column))).where(place.foreign())
    if after is not None:
        wanted = wanted.where(sa.tuple_(*place.key) > sa.tuple_(*map(_literal, place.key, after)))
    rows = connection.execute(
        wanted.order_by(*place.key).limit(BATCH).with_for_update(skip_locked=True)
    ).fetchall()
    for row in rows:
        key = tuple(row[:-1])
        same = [column == value for column, value in zip(place.key, key, strict=True)]
        connection.execute(sa.update(place.table).where(*same).values({place.column: place.again(row[-1], key)}))
    return [tuple(row[:-1]) for row in rows]


def _see_all(connection: Connection) -> None:
    connection.execute(sa.text("SELECT set_config('app.scope', '/', true)"))


def _plain(column: sa.Column[Any]) -> Any:
    return JSONB() if isinstance(column.type, JSONB) else sa.LargeBinary()


def _literal(column: sa.Column[Any], value: Any) -> sa.BindParameter[Any]:
    return sa.literal(value, column.type)


def _sealed_again(table: str, column: str) -> Callable[[Any, Key], bytes]:
    def again(sealed: Any, key: Key) -> bytes:
        place = crypto.place(table, column, *key)
        return crypto.seal(crypto.open(bytes(sealed), place), place)

    return again


def _column(column: sa.Column[Any]) -> Place:
    raw = sa.type_coerce(column, sa.LargeBinary())
    return Place(column, raw, column.is_not(None), _sealed_again(column.table.name, column.name))


def _answer() -> Place:
    """Stored answers. Those of a release that did not seal them are gone within a day."""
    column = idempotency.c.answer
    return Place(column, column, sa.func.substr(column, 1, 1) == VERSION, _sealed_again("idempotency", "answer"))


def _event(column: sa.Column[Any]) -> Place:
    sealed = sa.func.decode(column["data"][sealing.SEALED].astext, "base64")
    # By their types what an older release left open, by the mark what a newer one calls by a verb that is unknown here.
    personal = sa.or_(column.table.c.type.in_(sorted(sealing.personal_types())), column["data"].has_key(sealing.SEALED))
    return Place(column, sealed, sa.and_(personal, column.is_not(None)), _event_again)


def _event_again(envelope: Any, key: Key) -> dict[str, Any]:
    return sealing.stored(sealing.opened(envelope))


# ---------------------------------------------------------------- for migrations


def seal_table(
    connection: Connection,
    table: str,
    columns: Mapping[str, Encrypted],
    marks: Mapping[str, Callable[[Any], list[int]]],
    *,
    drop: Sequence[str] = (),
) -> None:
    """Plain columns of a table become encrypted ones of the same name, beside them columns of ``marks`` (made from the row),
    each with its index; columns to ``drop`` go. The table is written anew, so that the old file, and with it what was
    legible, is given back."""
    quoted = connection.dialect.identifier_preparer.quote(table)
    new = {**{f"{name}_sealed": "bytea" for name in columns}, **dict.fromkeys(marks, "bigint[]")}
    for name, type_ in new.items():
        connection.exec_driver_sql(f"ALTER TABLE {quoted} ADD COLUMN {name} {type_}")
    _see_all(connection)
    sets = ", ".join(f"{name} = %s" for name in new)
    after = "00000000-0000-0000-0000-000000000000"
    wanted = f"SELECT id, {', '.join(columns)} FROM {quoted} WHERE id > %s ORDER BY id LIMIT {BATCH}"
    while rows := connection.exec_driver_sql(wanted, (after,)).fetchall():
        after = rows[-1].id
        values = [
            (
                *(type_.sealed(getattr(row, name), crypto.place(table, name, row.id)) for name, type_ in columns.items()),
                *(made(row) for made in marks.values()),
                row.id,
            )
            for row in rows
        ]
        connection.exec_driver_sql(f"UPDATE {quoted} SET {sets} WHERE id = %s", values)
    for name in columns:
        connection.exec_driver_sql(f"ALTER TABLE {quoted} DROP COLUMN {name}")
        connection.exec_driver_sql(f"ALTER TABLE {quoted} RENAME COLUMN {name}_sealed TO {name}")
    for name in drop:
        connection.exec_driver_sql(f"ALTER TABLE {quoted} DROP COLUMN {name}")
    for name in (*columns, *marks):
        connection.exec_driver_sql(f"ALTER TABLE {quoted} ALTER COLUMN {name} SET NOT NULL")
    for name in marks:
        connection.exec_driver_sql(f"CREATE INDEX ix_{table}_{name} ON {quoted} USING gin ({name}) WITH (fastupdate = off)")
    connection.exec_driver_sql(f"CLUSTER {quoted} USING pk_{table}")


def seal_events(connection: Connection) -> None:
    """Events that were stored before they were sealed."""
    for place in (_event(outbox.c.envelope), _event(inbox.c.envelope)):
        table = place.table.name
        _see_all(connection)
        if connection.scalar(sa.select(sa.func.count()).select_from(place.table).where(place.foreign())):
            unchanged = "type <> ALL(%s) OR envelope->'data' ? 'sealed'", (sorted(sealing.personal_types()),)
            with replaced(connection, table, "envelope", *unchanged, required=not place.column.nullable) as new:
                wanted = sa.select(*place.key, place.column).where(place.foreign())
                for *key, envelope in connection.execute(wanted).fetchall():
                    text = orjson.dumps(sealing.stored(sealing.opened(envelope))).decode()
                    connection.exec_driver_sql(f"UPDATE {table} SET {new} = %s WHERE {place.key[0].name} = %s", (text, key[0]))


@contextmanager
def replaced(
    connection: Connection, table: str, column: str, unchanged: str, values: tuple[Any, ...], *, required: bool
) -> Iterator[str]:
    """A JSON column made anew, and the table written anew without the former one: what an UPDATE leaves behind would be
    carried along by any rewriting in the same transaction. Yields the name of the new column, equal so far in the rows
    where ``unchanged`` holds; the block fills it in the others, once."""
    new = f"{column}_anew"
    connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {new} jsonb")
    connection.exec_driver_sql(f"UPDATE {table} SET {new} = {column} WHERE {unchanged}", values)
    yield new
    connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
    connection.exec_driver_sql(f"ALTER TABLE {table} RENAME COLUMN {new} TO {column}")
    if required:
        connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL")
    connection.exec_driver_sql(f"CLUSTER {table} USING pk_{table}")
