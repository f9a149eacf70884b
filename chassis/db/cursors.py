"""Cursors: the place in a list where a page ended, as an opaque word. What comes back was in strangers' hands, so only what
this module could have written itself is read; anything else is a bad cursor, before the database hears of it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson

from chassis.domain.errors import BadCursor
from chassis.domain.moments import day, moment

_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,12})?")
_INTEGERS = range(-(2**63), 2**63)


def mark_of(path: str, filters: Mapping[str, Any]) -> str:
    """What list was asked for, in some letters: the place in one list says nothing in another."""
    asked = "\x1f".join([path, *(f"{name}={value}" for name, value in sorted(filters.items()))])
    return hashlib.blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def encode(list_: str, sort: str, value: Any, id: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([list_, sort, value, id], default=str)).decode().rstrip("=")


def parts(cursor: str) -> tuple[Any, Any, Any, Any]:
    """List, sort key, value and id as JSON has them."""
    try:
        found = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except ValueError:
        raise BadCursor() from None
    if not isinstance(found, list) or len(found) != 4:
        raise BadCursor()
    return found[0], found[1], found[2], found[3]


def decode(cursor: str, list_: str, sort: str) -> tuple[Any, Any]:
    """Value and id of a cursor of this list in this order."""
    made_for, sorted_by, value, id = parts(cursor)
    if (made_for, sorted_by) != (list_, sort):
        raise BadCursor()
    return value, id


def typed(value: Any, kind: type) -> Any:
    """A value of a cursor as the column's Python type, where it is exactly what ``encode`` makes of such a value."""
    try:
        read = reader(kind)(value)
        found = kind(read) if issubclass(kind, Enum) else read
    except (TypeError, ValueError):
        raise BadCursor() from None
    if orjson.dumps(found, default=str) != orjson.dumps(value):
        raise BadCursor()
    return found


def reader(kind: type) -> Callable[[Any], Any]:
    """What reads a value of this type out of a cursor; TypeError for a type that no list is sorted by."""
    for base, read in _READ.items():
        if issubclass(kind, base):
            return read
    raise TypeError(f"no cursor holds {kind.__name__}")


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(value)
    return value


def _integer(value: Any) -> int:
    if type(value) is not int or value not in _INTEGERS:
        raise ValueError(value)
    return value


def _decimal(value: Any) -> Decimal:
    if not _DECIMAL.fullmatch(_text(value)):
        raise ValueError(value)
    return Decimal(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


# bool and datetime stand before what they are kinds of.
_READ: dict[type, Callable[[Any], Any]] = {
    bool: _truth,
    int: _integer,
    str: _text,
    Decimal: _decimal,
    datetime: lambda value: moment(_text(value)),
    date: lambda value: day(_text(value)),
    UUID: lambda value: UUID(_text(value)),
}
