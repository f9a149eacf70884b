"""Statements of fixed text, sent on the driver's own cursor. What SQLAlchemy does around an execution costs more than most of
ours cost the server (decision note 0009); it still writes the text, converts the values and names the errors."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg2
from sqlalchemy import BindParameter, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import ClauseElement, Executable
from sqlalchemy.types import TypeEngine

from chassis.db import prepared

PREFIX = "aftersales.prefix"
"""What opens the transaction, in the connection's ``info`` until its first statement."""
Convert = Callable[[Any], Any]


def run(
    connection: Connection, sql: str, values: Sequence[Any] | Mapping[str, Any] = (), *, keep: bool = False, pinned: bool = False
) -> Any:
    """The cursor after ``sql`` (psycopg2's placeholders). ``keep``: one statement, to be kept by the server; ``pinned``: its
    rows are found by their primary keys. Raises DBAPIError, as SQLAlchemy's execution does."""
    cursor, ahead = connection.connection.cursor(), connection.info.pop(PREFIX, "")
    if keep and not pinned:
        ahead += prepared.own_plans(connection.info)
    try:
        prepared.execute(cursor, sql, values, ahead=ahead, keep=keep)
    except psycopg2.Error as error:
        dialect: Any = connection.dialect
        gone = dialect.is_disconnect(error, cursor.connection, cursor)
        named = DBAPIError.instance(
            sql, None, error, psycopg2.Error, hide_parameters=True, connection_invalidated=gone, dialect=dialect
        )
        if gone:
            connection.invalidate(error)
        raise named from error
    return cursor


def several(name: str, type_: TypeEngine[Any]) -> BindParameter[Any]:
    """A parameter of a Fixed that takes a list of such values, for ``any_`` and ``all_``."""
    return bindparam(name, type_=ARRAY(type_))


class Fixed:
    """A query put together by SQLAlchemy and written out once; its parameters are the statement's own, by name."""

    def __init__(self, statement: Executable, *, keep: bool = True, pinned: bool = False) -> None:
        """``keep``: by the server too; not where another value may want another plan. ``pinned``: its rows are found by their
        primary keys, so one plan does for every scope."""
        self._statement, self._keep, self._pinned = statement, keep, pinned
        self._text: str | None = None
        self._given: dict[str, Any] = {}
        self._binds: list[tuple[str, Convert]] = []
        self._results: list[tuple[int, Convert]] | None = None
        self._row: Callable[[Sequence[Any]], Any] = tuple

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """All rows, as named tuples."""
        text = self._text or self._write(connection)
        given = {**self._given, **values}
        for name, convert in self._binds:
            given[name] = convert(given[name])
        cursor = run(connection, text, given, keep=self._keep, pinned=self._pinned)
        if self._results is None:
            self._read(connection, cursor)
        rows = cursor.fetchall()
        return list(map(self._converted, rows) if self._results else map(self._row, rows))

    def _converted(self, row: Sequence[Any]) -> Any:
        changed = list(row)
        for place, convert in self._results or ():
            changed[place] = convert(changed[place])
        return self._row(changed)

    def _write(self, connection: Connection) -> str:
        assert isinstance(self._statement, ClauseElement)
        compiled: Any = self._statement.compile(dialect=connection.dialect)
        if compiled.post_compile_params:
            raise TypeError("a list among the values makes another text of each length")
        self._given = dict(compiled.params)
        types = {name: bind.type.dialect_impl(connection.dialect) for bind, name in compiled.bind_names.items()}
        converts = {name: type_.bind_processor(connection.dialect) for name, type_ in types.items()}
        self._binds = [(name, convert) for name, convert in converts.items() if convert]
        self._text = str(compiled)
        return self._text

    def _read(self, connection: Connection, cursor: Any) -> None:
        dialect, columns = connection.dialect, getattr(self._statement, "selected_columns", ())
        types = [column.type.dialect_impl(dialect) for column in columns]
        converts = [type_.result_processor(dialect, told.type_code) for type_, told in zip(types, cursor.description, strict=False)]
        row: Any = namedtuple("Row", [told.name for told in cursor.description], rename=True)  # type: ignore[misc]
        self._row = row._make
        self._results = [(place, convert) for place, convert in enumerate(converts) if convert]
