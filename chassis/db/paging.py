"""Lists (R-11): cursor paging over a sort key and the id, so a page costs the same however deep it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any, Self

from psycopg2.errors import QueryCanceled
from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    Integer,
    Label,
    Select,
    Text,
    bindparam,
    func,
    inspect,
    or_,
    select,
    tuple_,
)
from sqlalchemy.exc import DBAPIError

from chassis.db import cursors
from chassis.db.reading import Reading
from chassis.db.sealed import Encrypted
from chassis.db.statements import Cache, Fixed
from chassis.domain.errors import BadSort, TooManyToSort

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_LIMIT, _VALUE, _ID = "_limit", "_value", "_id"
_MOST = 256
"""Combinations of one list that are kept written out; people use few, and nobody shall fill memory with others."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list was asked for. ``filters`` are the contract's own query parameters, converted."""

    filters: Mapping[str, Any] = field(default_factory=dict)
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    sort: str | None = None
    total: bool = False
    format: str = "json"
    path: str = ""

    @property
    def list(self) -> str:
        """Which list a cursor belongs to: this path, these filters."""
        return cursors.mark_of(self.path, self.filters)

    @property
    def q(self) -> str | None:
        return self.filters.get("q")

    def after(self, cursor: str | None) -> Self:
        return replace(self, cursor=cursor, total=False)


def members(cls: type, *names: str) -> dict[str, Any]:
    """The columns of these members, where sorts or filters are named after them."""
    return {name: getattr(cls, name) for name in names}


def beginnings(cls: type, *names: str) -> dict[str, Any]:
    """The order of long texts: by as much of them as a cursor can carry."""
    return {name: func.left(getattr(cls, name), 100, type_=Text()) for name in names}


class Listing:
    """A list, declared once. ``statement`` selects one mapped class (a view then gets instances) or columns (it gets rows). Its
    columns are its sort keys, by their names; ``sorts`` adds those that are called otherwise or made of several. Which of them may be
    asked for says the contract (x-sorts); each has a range as well, ``<key>_from`` and ``<key>_to``, both ends included. ``key`` is the
    unique id column, ``default_sort`` may begin with ``-``, and ``equal`` maps filters to the columns that must have their values.
    Empty values come last, upwards and downwards. ``written``: asked for without more conditions, it is written out once for each
    combination of filters and order, since putting it together costs more than its rows."""

    def __init__(
        self, statement: Select[Any], *, default_sort: str, key: Any, sorts: Mapping[str, Any] | None = None,
        equal: Mapping[str, Any] | None = None, written: bool = True,
    ) -> None:  # fmt: skip
        self.statement, self.default_sort, self.key = statement, default_sort, key
        self.sorts = {**_columns(statement), **(sorts or {})}
        for column in (sorts or {}).values():
            cursors.reader(column.type.python_type)  # an expression may not know its type: then no page could follow the first
        self.equal, self._most = equal or {}, _MOST if written else 0
        self._written: dict[Any, Fixed] = {}

    def page(
        self, uow: Reading, query: ListQuery, view: Callable[[Any], Any], *where: ColumnElement[bool], whole: bool = False
    ) -> dict[str, Any]:
        """``{"items", "next_cursor"[, "total"]}``. ``whole``: the view is given all rows of the page at once and gives all items."""
        sort = query.sort or self.default_sort
        column = self.sorts.get(sort.removeprefix("-"))
        if column is None:
            raise BadSort(sort=sort, sorts=sorted(self.sorts))
        filters = {name: value for name, value in query.filters.items() if name in self.equal or self._ranged(name)}
        values: dict[str, Any] = {**filters, _LIMIT: query.limit + 1}
        if query.cursor:
            value, id = cursors.decode(query.cursor, query.list, sort)
            value = None if value is None and _may_be_empty(column) else cursors.typed(value, column.type.python_type)
            values |= {_VALUE: value, _ID: cursors.typed(id, self.key.type.python_type)}
        after = _Place.START if not query.cursor else _Place.EMPTY if values[_VALUE] is None else _Place.VALUE
        shape = (sort, after, *sorted(filters))
        paged: Any = self._written.get(shape) if not where else None
        if paged is None:
            paged = self._paged(self._filtered(filters, where), sort, after)
            if not where and len(self._written) < self._most:
                paged = self._written[shape] = Fixed(paged, Cache.NONE)
        rows = _in_time(uow, paged, values)
        more = len(rows) > query.limit
        rows = rows[: query.limit]
        found: list[Any] = list(uow.instances(self._entity, [row[:-2] for row in rows])) if self._entity else rows
        items = view(found) if whole else [view(item) for item in found]
        answer: dict[str, Any] = {"items": items, "next_cursor": None}
        if more:
            answer["next_cursor"] = cursors.encode(query.list, sort, rows[-1][-2], rows[-1][-1])
        if query.total:
            counted = select(func.count()).select_from(self._filtered(filters, where).order_by(None).subquery())
            answer["total"] = _in_time(uow, counted, filters)[0][0]
        return answer

    @cached_property
    def _entity(self) -> type | None:
        described = self.statement.column_descriptions
        if len(described) == 1 and inspect(described[0]["type"], raiseerr=False) is not None:
            entity: type = described[0]["entity"]
            return entity
        return None

    def _ranged(self, name: str) -> tuple[Any, bool] | None:
        """The column whose range a filter begins or ends, and whether it ends it."""
        key, _, end = name.rpartition("_")
        return (self.sorts[key], end == "to") if end in ("from", "to") and key in self.sorts else None

    def _filtered(self, filters: Iterable[str], where: Sequence[ColumnElement[bool]]) -> Select[Any]:
        conditions = []
        for name in filters:
            if name in self.equal:
                column = self.equal[name]
                conditions.append(column == bindparam(name, type_=column.type))
            elif found := self._ranged(name):
                column, ends = found
                bound = bindparam(name, type_=column.type)
                conditions.append(column <= bound if ends else column >= bound)
        return self.statement.where(*conditions, *where)

    def _paged(self, statement: Select[Any], sort: str, after: _Place) -> Select[Any]:
        descending = sort.startswith("-")
        column, key = self.sorts[sort.removeprefix("-")], self.key
        empties = _may_be_empty(column)
        if after is not _Place.START:
            value, id = bindparam(_VALUE, type_=column.type), bindparam(_ID, type_=key.type)
            # Compared as a row: an index on (column, id) then starts where the page does, however deep that is.
            place, reached = (key, id) if column is key or after is _Place.EMPTY else (tuple_(column, key), tuple_(value, id))
            beyond = place < reached if descending else place > reached
            if after is _Place.EMPTY:
                statement = statement.where(column.is_(None), beyond)
            elif empties:
                statement = statement.where(or_(beyond, column.is_(None)))
            else:
                statement = statement.where(beyond)
                if column is not key and getattr(column, "table", None) is not key.table:  # no index has both: the column's starts near
                    statement = statement.where(column <= value if descending else column >= value)
        order = (column.desc(), key.desc()) if descending else (column.asc(), key.asc())
        if empties:
            order = (order[0].nulls_last(), order[1])
        statement = statement.order_by(*(order[:1] if column is key else order)).limit(bindparam(_LIMIT, type_=Integer()))
        return statement.add_columns(column.label("_sort"), key.label("_key"))


def _in_time(uow: Reading, statement: Any, values: Mapping[str, Any]) -> list[Any]:
    """An order that no index has is made of what the conditions leave, a page of it in memory; what takes longer than any statement
    may (chassis/db/engine.py) is refused."""
    try:
        return list(uow.rows(statement, values))
    except DBAPIError as error:
        if isinstance(error.orig, QueryCanceled):
            raise TooManyToSort() from None
        raise


class _Place(Enum):
    """Where a page begins: at the list's start, behind a value, behind an empty one."""

    START, VALUE, EMPTY = range(3)


def _columns(statement: Select[Any]) -> dict[str, Any]:
    """What may be put in an order: the columns of the statement, or of its one class, that are not sealed and not JSON."""
    described = statement.column_descriptions
    mapper = inspect(described[0]["type"], raiseerr=False) if len(described) == 1 else None
    named = {a.key: getattr(mapper.class_, a.key) for a in mapper.column_attrs} if mapper else {d["name"]: d["expr"] for d in described}
    return {name: _bare(column) for name, column in named.items() if not isinstance(column.type, Encrypted | JSON | ARRAY)}


def _bare(column: Any) -> Any:
    """An expression without its label: a condition cannot name what the same statement selects."""
    return column.element if isinstance(column, Label) else column


def _may_be_empty(column: Any) -> bool:
    return bool(getattr(column, "nullable", True))
