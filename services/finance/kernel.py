"""What the contexts of finance share: money columns, the currency and the day of a document."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from sqlalchemy import Numeric
from sqlalchemy.orm import mapped_column

DEFAULT_CURRENCY = "CNY"

Money = Annotated[Decimal, mapped_column(Numeric(14, 2))]
Quantity = Annotated[Decimal, mapped_column(Numeric(14, 3))]


def local_day(at: datetime, time_zone: str) -> date:
    """The calendar day of an instant at a site; month and number of a document come from it (R-01, R-09)."""
    return at.astimezone(ZoneInfo(time_zone)).date()
