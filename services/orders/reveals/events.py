"""Facts about reveals."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from chassis.domain.events import event


@event("aftersales.orders.reveal.created.v1")
@dataclass(frozen=True, slots=True)
class RevealCreated:
    """Somebody was shown the numbers of an order's customer; the envelope names him."""

    customer_id: UUID
    work_order_id: UUID
    work_order_number: str
