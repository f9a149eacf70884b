"""Sites arrive from orders."""

from __future__ import annotations

from chassis.db import scopes
from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from services.inventory.stock import usecases


@on("aftersales.orders.site.*.v1", reads=("code", "name", "org_path", "time_zone"))
def site_changed(uow: UnitOfWork, event: Event) -> None:
    usecases.note_site(uow, event)


@on("aftersales.gateway.org_unit.moved.v1", reads=("former_path", "path"), locks=True)
def org_unit_moved(uow: UnitOfWork, event: Event) -> None:
    """Every document of the unit's sites is seen from its new place (G-11)."""
    scopes.follow(uow, event.subject, event.sequence, event.data["former_path"], event.data["path"])
