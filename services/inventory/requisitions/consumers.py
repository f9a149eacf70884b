"""Work orders arrive from orders: the facts after which other parts may be needed, issued or returned; and who takes parts."""

from __future__ import annotations

from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from services.inventory.requisitions import settings
from services.inventory.requisitions.copies import ParameterCopy, TechnicianCopy
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


@on(
    "aftersales.orders.work_order.corrected.v1",  # its quote may be void now
    "aftersales.orders.work_order.custody_changed.v1",
    reads=(*READS, "quote_version"),
    locks=True,
)
def work_order_stands_otherwise(uow: UnitOfWork, event: Event) -> None:
    """Before the first quote nothing here is the order's, and it may still be corrected to another site."""
    if event.data["quote_version"]:
        follow(uow, Order.of(event))


@on("aftersales.orders.technician.*.v1", reads=("name", "site_id", "active"))
def technician_changed(uow: UnitOfWork, event: Event) -> None:
    facts = {"name": event.data["name"], "site_id": UUID(event.data["site_id"]), "active": event.data["active"]}
    uow.copy(TechnicianCopy, event, org_path=event.org_path, **facts)


@on("aftersales.gateway.parameter.*.v1", reads=("key", "value"))
def parameter_changed(uow: UnitOfWork, event: Event) -> None:
    """Keep what is read here; the others are none of this service's business."""
    if event.data["key"] in settings.KEYS:
        uow.copy(ParameterCopy, event, **event.data)
