"""What the contexts of inventory share: columns of amounts, exact quantities, the calendar day at a site."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Numeric
from sqlalchemy.orm import mapped_column

DEFAULT_CURRENCY = "CNY"
NONE = Decimal(0)

Quantity = Annotated[Decimal, mapped_column(Numeric(14, 3))]
"""Of a part's unit; up to 3 decimals."""
Price = Annotated[Decimal, mapped_column(Numeric(14, 2))]
UnitCost = Annotated[Decimal, mapped_column(Numeric(18, 4))]
Value = Annotated[Decimal, mapped_column(Numeric(20, 4))]
"""What stock is worth: quantity times cost, to four decimals."""
Amount = Annotated[Decimal, mapped_column(Numeric(20, 2))]
"""Money on a document: to the cent."""


def quantity(value: Any) -> Decimal:
    """A JSON number as an exact Decimal of 3 places: 1.5 gives Decimal("1.500")."""
    return Decimal(str(value)).quantize(Decimal("0.001"))


def worth(value: Decimal) -> Decimal:
    """Rounded half up to the four decimals that values of stock and unit costs have."""
    return value.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def number(value: Decimal) -> int | float:
    """A quantity as the JSON number that shows it: whole numbers without a decimal point."""
    return int(value) if value == value.to_integral_value() else float(value)


def local_day(at: datetime, time_zone: str) -> date:
    """The calendar day of an instant at a site; month and number of a document come from it (R-01, R-09)."""
    return at.astimezone(ZoneInfo(time_zone)).date()
