"""What can be done with labour rates."""

from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from services.finance.rates.labour_rate import LabourRate


def create(uow: UnitOfWork, **fields: Any) -> LabourRate:
    """F-01. Raises Duplicate(field="code") when the code is taken."""
    rate = LabourRate.create(**fields)
    uow.add(rate)
    return rate


def change(uow: UnitOfWork, labour_rate_id: UUID, **fields: Any) -> LabourRate:
    """F-01. Quotes made before keep their price; the code never changes."""
    rate = uow.get(LabourRate, labour_rate_id)
    rate.change(**fields)
    return rate
