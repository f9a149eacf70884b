"""What can be done with labour rates."""

from decimal import Decimal
from uuid import UUID

from chassis.db.uow import UnitOfWork
from services.finance.rates.labour_rate import LabourRate


def create(uow: UnitOfWork, code: str, name: str, hourly_rate: str) -> LabourRate:
    """F-01. Raises Duplicate(field="code") when the code is taken."""
    rate = LabourRate.create(code, name, Decimal(hourly_rate))
    uow.add(rate)
    return rate


def change(
    uow: UnitOfWork, labour_rate_id: UUID, name: str | None = None, hourly_rate: str | None = None
) -> LabourRate:
    """F-01. Quotes made before keep their price; the code never changes."""
    rate = uow.get(LabourRate, labour_rate_id)
    rate.change(name, None if hourly_rate is None else Decimal(hourly_rate))
    return rate
