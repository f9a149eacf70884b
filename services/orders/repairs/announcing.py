"""A repair order as its events tell it: one shape for all verbs (contracts/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from services.orders.kernel import Document, number

if TYPE_CHECKING:
    from services.orders.repairs.work_order import WorkOrder

PLAIN = (
    "id",
    "number",
    "kind",
    "channel",
    "site_id",
    "customer_id",
    "device_id",
    "technician_id",
    "quote_version",
    "approved_version",
    "repaired",
    "promised_at",
    "registered_at",
    "ready_at",
    "completed_at",
    "billing",
)


def facts(order: WorkOrder) -> dict[str, Any]:
    """The members of ``WorkOrderFact``, as the order stands now."""
    return {
        **{name: getattr(order, name) for name in PLAIN},
        "state": order.state.value,
        "waiting_for": order.waiting_for and order.waiting_for.value,
        "coverage": order.coverage.value,
        "needed": lines(order.needed()),
        "returns": [
            {key: item[key] for key in ("id", "part_id", "quantity", "quality")} for item in order.returns
        ],
    }


def lines(parts: Mapping[str, Decimal], only: set[str] | None = None) -> list[Document]:
    """Parts with their quantities as lines, by part id; ``only`` these."""
    return [
        {"part_id": part_id, "quantity": number(amount)}
        for part_id, amount in sorted(parts.items())
        if only is None or part_id in only
    ]
