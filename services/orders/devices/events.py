"""Facts about installed devices; each carries the whole state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from chassis.domain.events import event


@dataclass(frozen=True, slots=True)
class DeviceFact:
    product_id: UUID
    customer_id: UUID | None
    serial_number: str | None
    purchased_on: date | None
    warranty_ends_on: date | None


@event("aftersales.orders.device.created.v1")
@dataclass(frozen=True, slots=True)
class DeviceCreated(DeviceFact):
    """A device was registered."""


@event("aftersales.orders.device.changed.v1")
@dataclass(frozen=True, slots=True)
class DeviceChanged(DeviceFact):
    """A device changed, or its warranty grew by a repair."""
