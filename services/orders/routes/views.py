"""Hand-over slips as the API shows them."""

from __future__ import annotations

from typing import Any

from chassis.domain.principal import Principal
from chassis.http.views import stamps
from services.orders.kernel import Document
from services.orders.routes.slip import MACHINE, HandOverSlip

FIELDS = (
    "id", "number", "work_order_id", "work_order_number", "state", "from_site_id", "to_site_id", "product_id", "serial_number", "fault",
    "remark", "given_by", "given_at", "received_by", "received_at", "repaired_at", "returned_by", "returned_at", "collected_by",
    "collected_at", "reason",
)  # fmt: skip


def slip(slip: HandOverSlip, names: dict[Any, str], principal: Principal) -> Document:
    """``names``: of sites and the product, by id."""
    return {
        **{name: getattr(slip, name) for name in FIELDS},
        "from_site_name": names.get(slip.from_site_id),
        "to_site_name": names.get(slip.to_site_id),
        "product_name": names.get(slip.product_id),
        "quantity": 1,
        "allowed_actions": MACHINE.allowed(slip, principal),
        **stamps(slip),
    }
