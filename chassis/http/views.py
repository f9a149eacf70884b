"""How values leave the suite: money as strings with 2 places, quantities as numbers, times in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from chassis.domain.aggregate import Aggregate
from chassis.domain.money import CENT


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value.quantize(CENT))
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"cannot send {type(value).__name__}")


def dump(value: Any) -> bytes:
    """JSON bytes. A Decimal becomes a string with 2 places (money), see ``number``."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def number(value: Decimal | None) -> int | float | None:
    """A quantity: whole numbers without a decimal point."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def decimal(value: Any) -> Decimal:
    """A Decimal of what JSON gave (number or string), without binary rounding noise."""
    return Decimal(str(value))


def utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def stamps(document: Aggregate) -> dict[str, Any]:
    """Members every document ends with (R-05)."""
    return {
        "version": document.version,
        "created_at": document.created_at,
        "created_by": document.created_by,
        "updated_at": document.updated_at,
        "updated_by": document.updated_by,
    }
