"""Statements sent on the driver's own cursor: one call for what opens a transaction, what waited, and the statement itself.

In: a ``Fixed``, a ``cached`` statement or psycopg2 text, its values, and for whom the server may cache it (``Cache``). Out: rows as
named tuples, or the cursor; SQLAlchemy's ``DBAPIError``. SQLAlchemy still writes the text, converts the values and names the errors,
but is left out of each execution, and the server does not parse again what it knows: decision note 0009 has what both cost.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from itertools import count
from time import monotonic
from typing import Any, TypeVar

import psycopg2
from psycopg2 import extensions
from psycopg2.extensions import adapt
from sqlalchemy import BindParameter, Engine, bindparam, event
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import ClauseElement, Executable
from sqlalchemy.types import TypeEngine

from chassis.db.violations import is_outdated
from chassis.domain.principal import Principal

Values = Sequence[Any] | Mapping[str, Any]
Convert = Callable[[Any], Any]
E = TypeVar("E", bound=Executable)


class Cache(Enum):
    """For whom a connection's server process caches a statement; said where the statement stands. A plan that it caches serves every
    scope: made for a site that has nothing yet, it would go through all rows of the company for headquarters."""

    NONE = "parsed and planned each time: few ask again, or another value wants another plan"
    PARSED = "parsed once; planned for each execution, unless the transaction sees the whole company"
    PLANNED = "parsed and planned once: its rows are found by primary key, which any scope looks up alike"


# ---------------------------------------------------------------- one connection

LIFETIME = 60.0  # seconds; what was planned for a small table does not stay with a large one
MOST = 150  # statements of a connection: each takes some ten kilobytes of the server
_PLACEHOLDER = re.compile(r"%(?:\(\w+\))?s")


class Prepared:
    """The statements that a connection has prepared. They outlive their transaction, also one that is rolled back. psycopg2 sends
    text, so they are PREPARE and EXECUTE."""

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}
        self._numbers = count(1)
        self._until = 0.0
        self._unsure = False  # whether a PREPARE was sent of which nothing is known yet

    def prepared(self, sql: str) -> str:
        """What to send instead of one statement with psycopg2's placeholders: EXECUTE, the first time with its PREPARE."""
        leading = ""
        if monotonic() > self._until:
            leading = "DEALLOCATE ALL; "
            self._calls.clear()
            self._until = monotonic() + LIFETIME
        call = self._calls.get(sql)
        if call is None:
            if len(self._calls) >= MOST:
                return leading + sql
            name = f"s{next(self._numbers)}"
            places = _PLACEHOLDER.findall(sql)
            numbers = count(1)
            body = _PLACEHOLDER.sub(lambda _: f"${next(numbers)}", sql)
            call = self._calls[sql] = f"EXECUTE {name}({', '.join(places)})" if places else f"EXECUTE {name}"
            leading += f"PREPARE {name} AS {body}; "
        self._unsure = self._unsure or bool(leading)
        return leading + call

    def succeeded(self) -> None:
        self._unsure = False

    def failed(self, error: BaseException | None = None) -> None:
        """A call failed: what it was to prepare may not be there, or what it relied on."""
        if self._unsure or is_outdated(error):
            self._until, self._unsure = 0.0, False


class ServerSession(Prepared, extensions.connection):
    """A connection of psycopg2 (its ``connection_factory``) that knows what it has prepared, and what goes in front of the next statement."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        extensions.connection.__init__(self, *arguments, **options)
        Prepared.__init__(self)
        self._leading = ""
        self._plans_each = False  # whether PARSED statements still have to be told so in this transaction

    def begin(self, principal: Principal, *, read_only: bool = False) -> None:
        """Opens a transaction under the principal's scope, in one call with its first statement."""
        scope, values = scope_of(principal)
        self._leading, self._plans_each = "", principal.scope != WHOLE
        self.lead(f"BEGIN{' READ ONLY' if read_only else ''}; {scope}", values)

    def lead(self, sql: str, values: Sequence[Any]) -> None:
        """A statement to go in front of the next one; where it fails, that one does."""
        quoted = tuple(self._literal(value) for value in values)
        self._leading += f"{sql % quoted}; ".replace("%", "%%")

    def _literal(self, value: Any) -> str:
        quoted: Any = adapt(value)
        if hasattr(quoted, "prepare"):  # text, and what may hold some: it is written in the connection's encoding
            quoted.prepare(self)
        literal: bytes = quoted.getquoted()
        return literal.decode()

    def drop_leading(self) -> None:
        self._leading = ""

    def send(self, cursor: Any, sql: str, values: Values = (), cache: Cache = Cache.NONE) -> None:
        """Executes a statement behind what leads, which is handed over, and notes whether what was to be prepared is there."""
        leading, self._leading = self._leading, ""
        if cache is Cache.PARSED and self._plans_each:
            leading, self._plans_each = f"{leading}SET LOCAL plan_cache_mode = force_custom_plan; ", False
        try:
            cursor.execute(leading + (sql if cache is Cache.NONE else self.prepared(sql)), values)
        except BaseException as error:
            self.failed(error)
            raise
        self.succeeded()


def follow(engine: Engine) -> None:
    """From now on what SQLAlchemy executes on this engine's connections goes by their sessions too."""

    @event.listens_for(engine, "do_execute")
    def _execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        cursor.connection.send(cursor, statement, parameters, context.execution_options.get(_OPTION, Cache.NONE))
        return True


# ---------------------------------------------------------------- whose transaction

WHOLE = "/"
_OUTSIDE_ROLE = "regexp_replace(current_user, '_app$', '') || '_outside'"


def scope_of(principal: Principal) -> tuple[str, tuple[str, ...]]:
    """The statements, with their values, that put a transaction under somebody's scope, which policies compare with; and an outside
    account's also under its party, as the role that sees no more than its party's rows (``outside.py``)."""
    scope = "SET LOCAL app.scope = %s"
    if not principal.is_outside:
        return scope, (principal.scope,)
    party = f"SELECT set_config('app.party', %s, true), set_config('role', {_OUTSIDE_ROLE}, true)"
    return f"{scope}; {party}", (principal.scope, principal.party)


# ---------------------------------------------------------------- statements


def run(connection: Connection, sql: str, values: Values = (), cache: Cache = Cache.NONE) -> Any:
    """The cursor after ``sql`` (psycopg2's placeholders; cached: one statement). Raises DBAPIError, as SQLAlchemy's execution does."""
    cursor = connection.connection.cursor()
    try:
        cursor.connection.send(cursor, sql, values, cache)
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


_OPTION = "aftersales.cache"


def cached(statement: E) -> E:
    """The statement, ``Cache.PARSED``: for what is put together anew each time, but in few shapes. What is not is a ``Fixed``."""
    return statement.execution_options(**{_OPTION: Cache.PARSED})


def several(name: str, type_: TypeEngine[Any]) -> BindParameter[Any]:
    """A parameter of a Fixed that takes a list of such values, for ``any_`` and ``all_``."""
    return bindparam(name, type_=ARRAY(type_))


class Fixed:
    """A query put together by SQLAlchemy and written out once; its parameters are the statement's own, by name."""

    def __init__(self, statement: Executable, cache: Cache = Cache.PARSED) -> None:
        self.cache = cache
        self._statement = statement
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
        cursor = run(connection, text, given, self.cache)
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
        converts = [type_.result_processor(dialect, one.type_code) for type_, one in zip(types, cursor.description, strict=False)]
        row: Any = namedtuple("Row", [one.name for one in cursor.description], rename=True)  # type: ignore[misc]  # names known at run time
        self._row = row._make
        self._results = [(place, convert) for place, convert in enumerate(converts) if convert]
