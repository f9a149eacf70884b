"""Events published about receipts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.domain.events import event


@event("aftersales.inventory.stock_receipt.posted.v1")
@dataclass(frozen=True, slots=True)
class StockReceiptPosted:
    """``lines``: part_id, quantity, unit_cost (text of 2 to 4 decimals), value."""

    number: str
    warehouse_id: UUID
    site_id: UUID
    lines: list[dict[str, Any]]
