"""Facts of other services that billing acts on."""

from chassis.db import scopes
from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from services.finance.billing import usecases
from services.finance.billing.copies import SiteCopy


@on("aftersales.orders.site.*.v1", reads=("code", "name", "org_path", "time_zone"))
def site_changed(uow: UnitOfWork, event: Event) -> None:
    uow.copy(SiteCopy, event, **event.data)


BILLED = ("id", "number", "site_id", "customer_id", "billing")


@on("aftersales.orders.work_order.ready.v1", "aftersales.orders.work_order.unrepaired.v1", reads=(*BILLED, "ready_at"), locks=True)
def work_order_ready(uow: UnitOfWork, event: Event) -> None:
    usecases.issue_bill(uow, event, event.data["ready_at"])


@on("aftersales.orders.work_order.unaudited.v1", reads=("id", "billing", "reason"), locks=True)
def work_order_unaudited(uow: UnitOfWork, event: Event) -> None:
    usecases.reverse_bill(uow, event)


@on("aftersales.orders.work_order.rebilled.v1", reads=BILLED, locks=True)
def work_order_rebilled(uow: UnitOfWork, event: Event) -> None:
    usecases.issue_bill(uow, event, event.time.isoformat())


@on("aftersales.orders.work_order.audited.v1", reads=("billing",))
def work_order_audited(uow: UnitOfWork, event: Event) -> None:
    """Orders taken over from elsewhere were billed there."""
    if event.data["billing"]:
        usecases.note_audit(uow, event.subject, event.data["billing"]["round"])


@on("aftersales.gateway.org_unit.moved.v1", reads=("former_path", "path"), locks=True)
def org_unit_moved(uow: UnitOfWork, event: Event) -> None:
    """Every document of the unit's sites is seen from its new place (G-11)."""
    scopes.follow(uow, event.subject, event.sequence, event.data["former_path"], event.data["path"])
