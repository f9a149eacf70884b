"""Events published about labour rates."""

from dataclasses import dataclass
from decimal import Decimal

from chassis.domain.events import event


@event("aftersales.finance.labour_rate.created.v1")
@dataclass(frozen=True, slots=True)
class LabourRateCreated:
    code: str
    name: str
    hourly_rate: Decimal


@event("aftersales.finance.labour_rate.changed.v1")
@dataclass(frozen=True, slots=True)
class LabourRateChanged:
    code: str
    name: str
    hourly_rate: Decimal
