"""Registering and correcting devices (O-15)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.moments import day
from services.orders.devices.device import Device
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
        purchased_on=day(purchased_on) if purchased_on else None,
    )
    uow.add(device)
    return device


def change(uow: UnitOfWork, device_id: UUID, **fields: Any) -> Device:
    """``fields``: customer_id, serial_number, purchased_on; null empties one."""
    device = uow.get(Device, device_id)
    if fields.get("customer_id") is not None:
        fields["customer_id"] = living(uow, fields["customer_id"])
    if fields.get("purchased_on") is not None:
        fields["purchased_on"] = day(fields["purchased_on"])
    device.change(**fields)
    return device
