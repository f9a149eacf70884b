"""Registering and correcting devices (O-15)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import ValidationFailed
from services.orders.devices.device import Device
from services.orders.devices.warranty import believable
from services.orders.kernel import own
from services.orders.masters import Product, living


def register(
    uow: UnitOfWork,
    product_id: str,
    customer_id: str | None = None,
    serial_number: str | None = None,
    purchased_on: str | None = None,
) -> Device:
    """Duplicate(serial_number) when the product has one of that serial already."""
    product = own(uow, Product, product_id, "product_id")
    customer = customer_id and living(uow, customer_id)
    device = Device.create(
        product_id=product.id,
        warranty_months=product.warranty_months,
        customer_id=customer or None,
        serial_number=serial_number,
        purchased_on=_day(purchased_on),
    )
    uow.add(device)
    return device


def change(uow: UnitOfWork, device_id: UUID, **fields: Any) -> Device:
    """``fields``: customer_id, serial_number, purchased_on; null empties one."""
    device = uow.get(Device, device_id)
    if fields.get("customer_id") is not None:
        fields["customer_id"] = living(uow, fields["customer_id"])
    if "purchased_on" in fields:
        fields["purchased_on"] = _day(fields["purchased_on"])
    device.change(**fields)
    return device


def _day(text: str | None) -> date | None:
    day = None if text is None else date.fromisoformat(text)
    if day and not believable(day):
        raise ValidationFailed.of("purchased_on", "out_of_range")
    return day
