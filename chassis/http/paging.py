"""Lists (R-11): cursor paging over a sort key and the id, so a page costs the same however deep it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, inspect, select, tuple_

from chassis.db.direct import Fixed
from chassis.domain.errors import BadSort
from chassis.http import cursors

if TYPE_CHECKING:
    from chassis.db.reading import Reading

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


class Listing:
    """A list, declared once. ``statement`` selects one mapped class (a view then gets instances) or columns (it gets rows),
    ``sorts`` maps sort keys to NOT NULL columns, ``key`` is the unique id column, ``default_sort`` may begin with ``-``, and
    ``equal`` maps filters to the columns that must have their values. ``written``: asked for without more conditions, it is
    written out once for each combination of filters and order, since putting it together costs more than its rows."""

    def __init__(
        self, statement: Select[Any], *, sorts: Mapping[str, Any], default_sort: str, key: Any,
        equal: Mapping[str, Any] | None = None, written: bool = True,
    ) -> None:  # fmt: skip
        self.statement, self.sorts, self.default_sort, self.key = statement, sorts, default_sort, key
        self.equal, self._most = equal or {}, _MOST if written else 0
        self._written: dict[Any, Fixed] = {}

    def page(self, uow: Reading, query: ListQuery, view: Callable[[Any], dict[str, Any]], *where: ColumnElement[bool]) -> dict[str, Any]:
        """``{"items", "next_cursor"[, "total"]}``"""
        sort = query.sort or self.default_sort
        column = self.sorts.get(sort.removeprefix("-"))
        if column is None:
            raise BadSort(sort=sort, sorts=sorted(self.sorts))
        filters = {name: query.filters[name] for name in self.equal if name in query.filters}
        values: dict[str, Any] = {**filters, _LIMIT: query.limit + 1}
        if query.cursor:
            value, id = cursors.decode(query.cursor, query.list, sort)
            values |= {_VALUE: cursors.typed(value, column.type.python_type), _ID: cursors.typed(id, self.key.type.python_type)}
        shape = (sort, bool(query.cursor), *filters)
        paged: Any = self._written.get(shape) if not where else None
        if paged is None:
            paged = self._paged(self._filtered(filters, where), sort, bool(query.cursor))
            if not where and len(self._written) < self._most:
                paged = self._written[shape] = Fixed(paged, keep=False)
        rows = list(uow.rows(paged, values))
        more = len(rows) > query.limit
        rows = rows[: query.limit]
        found: list[Any] = list(uow.instances(self._entity, rows)) if self._entity else rows
        answer: dict[str, Any] = {"items": [view(item) for item in found], "next_cursor": None}
        if more:
            last = found[-1]
            at = (getattr(last, column.key), getattr(last, self.key.key)) if self._entity else last[-2:]
            answer["next_cursor"] = cursors.encode(query.list, sort, *at)
        if query.total:
            counted = select(func.count()).select_from(self._filtered(filters, where).order_by(None).subquery())
            answer["total"] = uow.scalar(counted, filters)
        return answer

    @cached_property
    def _entity(self) -> type | None:
        described = self.statement.column_descriptions
        if len(described) == 1 and inspect(described[0]["type"], raiseerr=False) is not None:
            entity: type = described[0]["entity"]
            return entity
        return None

    def _filtered(self, filters: Iterable[str], where: Sequence[ColumnElement[bool]]) -> Select[Any]:
        equal = ((column, bindparam(name, type_=column.type)) for name, column in self.equal.items() if name in filters)
        return self.statement.where(*(column == value for column, value in equal), *where)

    def _paged(self, statement: Select[Any], sort: str, after: bool) -> Select[Any]:
        descending = sort.startswith("-")
        column, key = self.sorts[sort.removeprefix("-")], self.key
        if after:
            value, id = bindparam(_VALUE, type_=column.type), bindparam(_ID, type_=key.type)
            # Compared as a row: an index on (column, id) then starts where the page does, however deep that is.
            place, reached = (key, id) if column is key else (tuple_(column, key), tuple_(value, id))
            statement = statement.where(place < reached if descending else place > reached)
            if column is not key and getattr(column, "table", None) is not key.table:  # no index has both: the column's starts near
                statement = statement.where(column <= value if descending else column >= value)
        order = (column.desc(), key.desc()) if descending else (column.asc(), key.asc())
        statement = statement.order_by(*(order[:1] if column is key else order)).limit(bindparam(_LIMIT, type_=Integer()))
        return statement if self._entity else statement.add_columns(column.label("_sort"), key.label("_key"))
