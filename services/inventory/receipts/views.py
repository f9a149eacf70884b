"""Receipts as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from chassis.http.views import stamps
from services.inventory.kernel import DEFAULT_CURRENCY, number
from services.inventory.receipts.receipt import StockReceipt, StockReceiptLine, cost_text
from services.inventory.stock import Moved


def receipt(receipt: StockReceipt, lines: Iterable[StockReceiptLine], moved: Sequence[Moved]) -> dict[str, Any]:
    """``moved``: its movements, oldest first."""
    numbers: dict[UUID, list[str]] = {}
    for each in moved:
        if each.serial_number:
            numbers.setdefault(each.part_id, []).append(each.serial_number)
    return {
        "id": receipt.id,
        "number": receipt.number,
        "warehouse_id": receipt.warehouse_id,
        "site_id": receipt.site_id,
        "posted_at": receipt.posted_at,
        "currency": DEFAULT_CURRENCY,
        "total": receipt.total,
        "lines": [
            {
                "part_id": line.part_id,
                "quantity": number(line.quantity),
                "unit_cost": cost_text(line.unit_cost),
                "value": line.value,
                "bin_id": line.bin_id,
                "serial_numbers": numbers.get(line.part_id, []),
            }
            for line in lines
        ],
        "movement_ids": [each.id for each in moved],
        **stamps(receipt),
    }
