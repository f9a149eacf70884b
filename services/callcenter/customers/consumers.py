"""Facts of other services that customers follow."""

import uuid
from datetime import datetime

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from services.callcenter.customers.customer import Customer
from services.callcenter.customers.links import CUSTOMERS


@on("aftersales.orders.erasure.created.v1", reads=("erased_at",), locks=True)
def erasure_created(uow: UnitOfWork, event: Event) -> None:
    """C-04. Orders, where a customer's documents are opened and closed, found none open and takes no new one: what says who
    it was goes here too, and this service tells everybody else. A second telling changes nothing."""
    customer = uow.one(Customer, id=event.subject, lock=True)
    if customer is not None:
        former = customer.marks
        customer.erase(datetime.fromisoformat(event.data["erased_at"]), event.actor)
        CUSTOMERS.mark(uow, customer.id, former, customer.marks)


@on(
    "aftersales.orders.work_order.registered.v1", "aftersales.orders.work_order.corrected.v1", "aftersales.orders.work_order.completed.v1",
    reads=("customer_id",),
)  # fmt: skip
def work_order_names_customer(uow: UnitOfWork, event: Event) -> None:
    """R-06. The site of an order serves the customer that it names; whom it named before a correction it goes on serving. Nearly always it
    does already, so this is handled together with others."""
    if event.data["customer_id"] and event.org_path:
        CUSTOMERS.link_to(uow, uuid.UUID(event.data["customer_id"]), event.org_path)
