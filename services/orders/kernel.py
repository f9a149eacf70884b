"""Value helpers shared by this service's contexts: exact quantities, and dates as the site sees them (R-08, R-09)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from chassis.domain.errors import UnknownReference
from chassis.domain.money import MINUTES_PER_HOUR

if TYPE_CHECKING:
    from chassis.db.uow import UnitOfWork

Document = dict[str, Any]
T = TypeVar("T")


def quantity(value: Any) -> Decimal:
    """A JSON number (or string) as an exact Decimal: 1.5 -> Decimal("1.5"), never the binary fraction behind it."""
    return Decimal(str(value))


def in_hours(minutes: int) -> Decimal:
    """Minutes as the hours that are shown, to 3 decimals; they are priced by the minute."""
    return (Decimal(minutes) / MINUTES_PER_HOUR).quantize(Decimal("0.001"), ROUND_HALF_UP)


def number(value: Decimal) -> int | float:
    """A Decimal quantity as the JSON number that shows it: Decimal("2.000") -> 2, Decimal("1.5") -> 1.5."""
    return int(value) if value == value.to_integral_value() else float(value)


def local_day(at: datetime, zone: str) -> date:
    """The calendar day of an instant where the site is."""
    return at.astimezone(ZoneInfo(zone)).date()


def start_of_day(day: date, zone: str) -> datetime:
    """The UTC instant at which a day begins where the site is."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def apply(target: Any, fields: Document) -> bool:
    """Set the attributes that differ; True when anything changed."""
    changed = {name: value for name, value in fields.items() if getattr(target, name) != value}
    for name, value in changed.items():
        setattr(target, name, value)
    return bool(changed)


def own(uow: UnitOfWork, cls: type[T], id: str | UUID, field: str) -> T:
    """Load by an id in the body what this service owns itself: unlike a read copy it cannot still be on its way."""
    found = uow.one(cls, id=UUID(str(id)))
    if found is None:
        raise UnknownReference(field)
    return found
