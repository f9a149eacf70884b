"""Receipts as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chassis.http.views import stamps
from services.inventory.kernel import DEFAULT_CURRENCY, number
from services.inventory.receipts.receipt import StockReceipt, StockReceiptLine, cost_text


def receipt(receipt: StockReceipt, lines: Iterable[StockReceiptLine]) -> dict[str, Any]:
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
            }
            for line in lines
        ],
        **stamps(receipt),
    }
