"""A repair order as its events tell it (contracts/orders/events/work_order.v1.json): whoever knows the newest knows everything."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from chassis.domain.events import Published
from services.orders.kernel import Document, number

if TYPE_CHECKING:
    from services.orders.repairs.work_order import WorkOrder


def lines(parts: Mapping[str, Decimal], only: set[str] | None = None) -> list[Document]:
    """Parts with their quantities as lines, by part id; ``only`` these."""
    return [
        {"part_id": part_id, "quantity": number(amount)}
        for part_id, amount in sorted(parts.items())
        if only is None or part_id in only
    ]


def _needed(order: WorkOrder) -> list[Document]:
    return lines(order.needed())


def _returns(order: WorkOrder) -> list[Document]:
    return [item.told() for item in order.sections.returns]


PUBLISHED = Published(
    "aftersales.orders.work_order.v1",
    "id",
    "number",
    "kind",
    "channel",
    "state",
    "waiting_for",
    "site_id",
    "held_site_id",
    "bound_site_id",
    "customer_id",
    "device_id",
    "technician_id",
    "coverage",
    "quote_version",
    "approved_version",
    "repaired",
    "unrepaired",
    "promised_at",
    "registered_at",
    "ready_at",
    "completed_at",
    "billing",
    needed=_needed,
    returns=_returns,
)
