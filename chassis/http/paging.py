"""Lists (R-11): cursor paging over a sort key and the id, so a page costs the same however deep it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import orjson
from sqlalchemy import Select, func, inspect, select, tuple_

from chassis.domain.errors import BadCursor, BadSort

if TYPE_CHECKING:
    from chassis.db.reading import Reading

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list was asked for. ``filters`` are the contract's own query parameters, converted."""

    filters: Mapping[str, Any] = field(default_factory=dict)
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    sort: str | None = None
    total: bool = False
    format: str = "json"

    @property
    def q(self) -> str | None:
        return self.filters.get("q")

    def after(self, cursor: str | None) -> Self:
        return replace(self, cursor=cursor, total=False)


def encode_cursor(sort: str, value: Any, id: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([sort, value, id], default=str)).decode().rstrip("=")


def decode_cursor(cursor: str, sort: str) -> tuple[Any, Any]:
    try:
        made_for, value, id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise BadCursor() from None
    if made_for != sort:
        raise BadCursor()
    return value, id


def _typed(value: Any, column: Any) -> Any:
    """A cursor's JSON value as the column's Python type; anything else is a bad cursor."""
    try:
        kind = column.type.python_type
        if value is None or isinstance(value, kind):
            return value
        if kind is datetime:
            return datetime.fromisoformat(value)
        if kind is date:
            return date.fromisoformat(value)
        if kind in (UUID, Decimal, int, str):
            return kind(value)
        return kind(value)
    except (ValueError, TypeError, ArithmeticError):
        raise BadCursor() from None


def page(
    uow: Reading,
    statement: Select[Any],
    query: ListQuery,
    *,
    sorts: Mapping[str, Any],
    default_sort: str,
    key: Any,
    view: Callable[[Any], dict[str, Any]],
    columns: bool = False,
) -> dict[str, Any]:
    """``{"items", "next_cursor"[, "total"]}``.

    ``statement`` selects one mapped class (the view gets instances) or columns (the view gets rows): looked at, unless told.
    ``sorts`` maps sort keys to NOT NULL columns, ``key`` is the unique id column, ``default_sort`` may begin with ``-``.
    """
    sort = query.sort or default_sort
    descending = sort.startswith("-")
    column = sorts.get(sort.removeprefix("-"))
    if column is None:
        raise BadSort(sort=sort, sorts=sorted(sorts))
    paged = statement
    if query.cursor:
        value, id = decode_cursor(query.cursor, sort)
        value, id = _typed(value, column), _typed(id, key)
        # Compared as a row: an index on (column, id) then starts where the page does, however deep that is.
        place, reached = (key, id) if column is key else (tuple_(column, key), tuple_(value, id))
        paged = paged.where(place < reached if descending else place > reached)
        if column is not key and getattr(column, "table", None) is not key.table:  # no index has both: the column's starts near
            paged = paged.where(column <= value if descending else column >= value)
    order = (column.desc(), key.desc()) if descending else (column.asc(), key.asc())
    paged = paged.order_by(*(order[:1] if column is key else order)).limit(query.limit + 1)
    entity = None if columns else _entity(statement)
    if entity is None:
        paged = paged.add_columns(column.label("_sort"), key.label("_key"))
    rows = list(uow.rows(paged))
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    found: list[Any] = list(uow.instances(entity, rows)) if entity else rows
    answer: dict[str, Any] = {"items": [view(item) for item in found], "next_cursor": None}
    if more:
        last = found[-1]
        if entity:
            answer["next_cursor"] = encode_cursor(sort, getattr(last, column.key), getattr(last, key.key))
        else:
            answer["next_cursor"] = encode_cursor(sort, last._sort, last._key)
    if query.total:
        answer["total"] = uow.scalar(select(func.count()).select_from(statement.order_by(None).subquery()))
    return answer


def _entity(statement: Select[Any]) -> type | None:
    described = statement.column_descriptions
    if len(described) == 1 and inspect(described[0]["type"], raiseerr=False) is not None:
        entity: type = described[0]["entity"]
        return entity
    return None
