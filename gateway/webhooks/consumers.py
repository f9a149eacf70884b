"""Facts of the services that partners' systems want to be told."""

from __future__ import annotations

from chassis.db.uow import UnitOfWork
from chassis.domain.events import WHOLE, Event, on
from gateway.webhooks import usecases
from gateway.webhooks.catalogue import subjects


@on(*subjects(), reads=WHOLE)
def tell(uow: UnitOfWork, event: Event) -> None:
    usecases.note(uow, event)
