"""Facts of other services that belong into the log of disclosures."""

import uuid

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from services.callcenter.privacy.disclosure import Disclosure


@on("aftersales.orders.reveal.created.v1", reads=("customer_id", "work_order_number"))
def phone_revealed(uow: UnitOfWork, event: Event) -> None:
    uow.add(Disclosure.reveal(uuid.UUID(event.data["customer_id"]), event.actor, event.data["work_order_number"]))
