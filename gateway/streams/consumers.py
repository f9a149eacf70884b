"""Facts of the services that people want to see at once."""

from __future__ import annotations

from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from gateway.streams.stream_event import StreamEvent, append, leave


@on(
    "aftersales.orders.work_order.*.v1",
    reads=("number", "state", "customer_id", "corrected", "former_path", "former_customer_id", "left_path"),
)
def work_order_changed(uow: UnitOfWork, event: Event) -> None:
    """Whoever sees the order is told; also those that it leaves, by a correction or with its device, who have it on their pages."""
    order, path = event.data, event.org_path or "/"
    append(uow, _changed(event, path, order["customer_id"], event.party_id, event.held_path, event.bound_path))
    if left := order.get("left_path"):
        leave(uow, _changed(event, left, None, None))
    if "corrected" in order and {"site_id", "customer_id"} & set(order["corrected"]):
        leave(uow, _changed(event, order["former_path"] or path, order["former_customer_id"], None))


def _changed(
    event: Event, path: str, customer_id: str | None, dealer_id: UUID | None, held_path: str | None = None, bound_path: str | None = None
) -> StreamEvent:
    subject = UUID(str(event.subject))
    document = {"id": str(subject), "number": event.data["number"], "state": event.data["state"], "version": event.sequence}
    return StreamEvent(
        org_path=path,
        held_path=held_path,
        bound_path=bound_path,
        kind="work_order.changed",
        subject=subject,
        version=event.sequence,
        audience=None,
        customer_id=UUID(customer_id) if customer_id else None,
        dealer_id=dealer_id,
        data=document,
    )
