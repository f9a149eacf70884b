"""Facts of other services that accounts follow."""

from __future__ import annotations

from datetime import datetime

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from gateway.identity import erasing


@on("aftersales.orders.erasure.created.v1", reads=("erased_at",), locks=True)
def customer_erased(uow: UnitOfWork, event: Event) -> None:
    """C-04: whoever signed in as this customer is out at once, and named no more."""
    erasing.erase(uow, event.subject, datetime.fromisoformat(event.data["erased_at"]))
