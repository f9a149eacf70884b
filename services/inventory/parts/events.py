"""Events published about parts: the whole part as it is now."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from chassis.domain.events import event


@event("aftersales.inventory.part.created.v1")
@dataclass(frozen=True, slots=True)
class PartCreated:
    number: str
    name: str
    unit: str
    price: Decimal


@event("aftersales.inventory.part.changed.v1")
@dataclass(frozen=True, slots=True)
class PartChanged:
    number: str
    name: str
    unit: str
    price: Decimal
