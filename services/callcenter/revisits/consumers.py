"""Facts of other services that revisits act on."""

from chassis.db import scopes
from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from services.callcenter.customers import CUSTOMERS
from services.callcenter.revisits import usecases
from services.callcenter.revisits.copies import SiteCopy


@on("aftersales.orders.site.*.v1", reads=("code", "name", "org_path", "time_zone"))
def site_changed(uow: UnitOfWork, event: Event) -> None:
    uow.copy(SiteCopy, event, **event.data)


@on(
    "aftersales.orders.work_order.completed.v1",
    reads=("id", "number", "site_id", "customer_id", "completed_at"),
)
def work_order_completed(uow: UnitOfWork, event: Event) -> None:
    usecases.plan_revisit(uow, event)


@on("aftersales.gateway.org_unit.moved.v1", reads=("former_path", "path"), locks=True)
def org_unit_moved(uow: UnitOfWork, event: Event) -> None:
    """Every document of the unit's sites, and every customer that they serve, is seen from its new place (G-11)."""
    scopes.follow(uow, event.subject, event.sequence, event.data["former_path"], event.data["path"])
    CUSTOMERS.follow(uow)
