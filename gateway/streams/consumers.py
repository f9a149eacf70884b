"""Facts of the services that people want to see at once."""

from __future__ import annotations

from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from gateway.streams.stream_event import StreamEvent, append

WORK_ORDER_VERBS = (
    "registered", "assigned", "started", "diagnosed", "quoted", "quote_approved", "quote_rejected", "parts_reserved",
    "repaired", "check_failed", "ready", "parts_returned", "completed", "revisited", "audited", "unaudited",
    "rebilled", "cancelled",
)  # fmt: skip


@on(*(f"aftersales.orders.work_order.{verb}.v1" for verb in WORK_ORDER_VERBS))
def work_order_changed(uow: UnitOfWork, event: Event) -> None:
    order, subject = event.data, UUID(str(event.subject))
    append(
        uow,
        StreamEvent(
            org_path=event.org_path or "/",
            kind="work_order.changed",
            subject=subject,
            version=event.sequence,
            audience=None,
            customer_id=UUID(order["customer_id"]) if order["customer_id"] else None,
            dealer_id=event.party_id,
            data={
                "id": str(subject),
                "number": order["number"],
                "state": order["state"],
                "version": event.sequence,
            },
        ),
    )
