"""Hand-over slips as the API shows them."""

from __future__ import annotations

from typing import Any

from chassis.domain.principal import Principal
from chassis.http.views import stamps
from services.orders.kernel import Document
from services.orders.routes.slip import MACHINE

FIELDS = (
    "id", "number", "work_order_id", "work_order_number", "state", "from_site_id", "from_site_name", "to_site_id", "to_site_name",
    "product_id", "product_name", "quantity", "serial_number", "fault", "remark", "given_by", "given_at", "received_by", "received_at",
    "repaired_at", "returned_by", "returned_at", "collected_by", "collected_at", "reason",
)  # fmt: skip


def slip(slip: Any, principal: Principal) -> Document:
    """Of a row with the names of what its ids stand for."""
    return {**{name: getattr(slip, name) for name in FIELDS}, "allowed_actions": MACHINE.allowed(slip, principal), **stamps(slip)}
