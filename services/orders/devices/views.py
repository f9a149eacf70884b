"""Devices as the API shows them."""

from __future__ import annotations

from chassis.http.views import stamps
from services.orders.devices.device import Device
from services.orders.kernel import Document


def device(device: Device) -> Document:
    names = (
        "id",
        "product_id",
        "customer_id",
        "serial_number",
        "purchased_on",
        "warranty_months",
        "warranty_ends_on",
    )
    shown = {name: getattr(device, name) for name in names}
    return {**shown, "repair_days": device.term.repair_days, **stamps(device)}
