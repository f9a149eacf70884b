"""Work orders arrive from orders: the facts after which other parts may be needed, issued or returned."""

from __future__ import annotations

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from services.inventory.requisitions.follow import READS, Order, follow


@on(
    "aftersales.orders.work_order.diagnosed.v1",  # a quote split the other way no longer holds
    "aftersales.orders.work_order.quoted.v1",
    "aftersales.orders.work_order.quote_approved.v1",
    "aftersales.orders.work_order.repaired.v1",
    "aftersales.orders.work_order.parts_returned.v1",
    "aftersales.orders.work_order.cancelling.v1",
    "aftersales.orders.work_order.cancel_refused.v1",
    "aftersales.orders.work_order.cancelled.v1",
    reads=READS,
    locks=True,
)
def work_order_changed(uow: UnitOfWork, event: Event) -> None:
    follow(uow, Order.of(event))


@on("aftersales.orders.work_order.corrected.v1", reads=(*READS, "quote_version"), locks=True)
def work_order_corrected(uow: UnitOfWork, event: Event) -> None:
    """Its quote may be void now. Before the first quote nothing here is the order's, and it may still go to another site."""
    if event.data["quote_version"]:
        follow(uow, Order.of(event))
