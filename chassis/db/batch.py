"""Collects the writes of a transaction and sends them, with COMMIT, as one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.db.rows import Mapping, as_json
from chassis.db.statements import Cache, Prepared

FEW = 3
"""Rows of one insert at most whose statement is cached: more of them seldom come in the same number again."""


class Batch:
    """SQL text and values in psycopg2's positional style. Consecutive inserts into one table become one statement."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, Cache]] = []
        self._values: list[Any] = []
        self._open_insert: str | None = None
        self._rows = 0  # of that insert

    def __bool__(self) -> bool:
        return bool(self._parts)

    def statement(self, sql: str, values: Sequence[Any] = (), cache: Cache = Cache.PLANNED) -> None:
        self._parts.append((sql, cache))
        self._values.extend(values)
        self._open_insert = None

    def insert(self, table: str, columns: Sequence[str], values: Sequence[Any]) -> None:
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        row = f"({', '.join(['%s'] * len(columns))})"
        if head == self._open_insert:
            self._rows += 1
            self._parts[-1] = (f"{self._parts[-1][0]}, {row}", Cache.PLANNED if self._rows <= FEW else Cache.NONE)
        else:
            self._parts.append((head + row, Cache.PLANNED))
            self._open_insert, self._rows = head, 1
        self._values.extend(values)

    def insert_instance(self, mapping: Mapping, instance: Any) -> None:
        keys = [key for key in mapping.keys if key in instance.__dict__]
        self.insert(mapping.name, [mapping.quoted[k] for k in keys], [mapping.bound(instance, k) for k in keys])

    def update_instance(self, mapping: Mapping, instance: Any, keys: Sequence[str]) -> None:
        sets = ", ".join(f"{mapping.quoted[key]} = %s" for key in keys)
        where = " AND ".join(f"{mapping.quoted[key]} = %s" for key in mapping.primary)
        values = [mapping.bound(instance, key) for key in (*keys, *mapping.primary)]
        self.statement(f"UPDATE {mapping.name} SET {sets} WHERE {where}", values)

    def delete_instance(self, mapping: Mapping, instance: Any) -> None:
        where = " AND ".join(f"{mapping.quoted[key]} = %s" for key in mapping.primary)
        self.statement(f"DELETE FROM {mapping.name} WHERE {where}", [mapping.bound(instance, k) for k in mapping.primary])

    def row(self, table: str, row: dict[str, Any]) -> None:
        """Insert a plain row; dicts and lists become JSON."""
        values = [as_json(v) if isinstance(v, dict | list) else v for v in row.values()]
        self.insert(table, list(row), values)

    def take(self, session: Prepared, *, final: str | None = None) -> tuple[str, list[Any]]:
        """The text and values so far, emptied; ``final`` is appended (COMMIT). ``session``: of the connection that gets them."""
        parts = [sql if cache is Cache.NONE else session.prepared(sql) for sql, cache in self._parts]
        if final:
            parts.append(final)
        values = self._values
        self._parts, self._values, self._open_insert = [], [], None
        return "; ".join(parts), values
