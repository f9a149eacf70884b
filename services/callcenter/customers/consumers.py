"""Facts of other services that customers follow."""

from datetime import datetime

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from services.callcenter.customers.customer import Customer


@on("aftersales.orders.erasure.created.v1", reads=("erased_at",), locks=True)
def erasure_created(uow: UnitOfWork, event: Event) -> None:
    """C-04. Orders, where a customer's documents are opened and closed, found none open and takes no new one: what says who
    it was goes here too, and this service tells everybody else. A second telling changes nothing."""
    customer = uow.one(Customer, id=event.subject, lock=True)
    if customer is not None:
        customer.erase(datetime.fromisoformat(event.data["erased_at"]), event.actor)
