"""Receipts as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from chassis.domain.principal import Principal
from chassis.http.views import stamps
from services.inventory.kernel import DEFAULT_CURRENCY, number
from services.inventory.receipts.receipt import MACHINE, StockReceipt, StockReceiptLine, cost_text


def receipt(receipt: StockReceipt, lines: Iterable[StockReceiptLine], moved: Iterable[UUID], principal: Principal) -> dict[str, Any]:
    """``moved``: ids of its movements, oldest first."""
    return {
        "id": receipt.id,
        "number": receipt.number,
        "state": receipt.state,
        "allowed_actions": MACHINE.allowed(receipt, principal),
        "warehouse_id": receipt.warehouse_id,
        "site_id": receipt.site_id,
        "posted_at": receipt.posted_at,
        "reversed_at": receipt.reversed_at,
        "reason": receipt.reason,
        "currency": DEFAULT_CURRENCY,
        "total": receipt.total,
        "lines": [
            {
                "part_id": line.part_id,
                "quantity": number(line.quantity),
                "unit_cost": cost_text(line.unit_cost),
                "value": line.value,
                "bin_id": line.bin_id,
                "serial_numbers": line.serial_numbers,
            }
            for line in lines
        ],
        "movement_ids": list(moved),
        **stamps(receipt),
    }
