"""What a company sets that repairs read (G-16), from the copies of parameters; what ships stands in gateway/settings/parameters.yaml."""

from __future__ import annotations

from decimal import Decimal

from chassis.db.uow import UnitOfWork
from services.orders.masters import ParameterCopy

DEFAULT_TAX_RATE = Decimal("0.13")
DEFAULT_UNCOLLECTED_DAYS = 30


def tax_rate(uow: UnitOfWork) -> Decimal:
    known = uow.one(ParameterCopy, key="tax.rate")
    return Decimal(str(known.value)) if known else DEFAULT_TAX_RATE


def uncollected_days(uow: UnitOfWork) -> int:
    """Days after which what is ready counts as not collected (O-85)."""
    known = uow.one(ParameterCopy, key="work_order.uncollected_days")
    return int(known.value) if known else DEFAULT_UNCOLLECTED_DAYS
