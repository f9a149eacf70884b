"""Keeps the read copies: every event carries the whole state, a stale one changes nothing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from services.orders.masters import copies, usecases
from services.orders.masters.phones import phone_marks


@on(
    "aftersales.gateway.org_unit.created.v1",
    "aftersales.gateway.org_unit.changed.v1",
    "aftersales.gateway.org_unit.deleted.v1",
    "aftersales.gateway.org_unit.restored.v1",
)
def org_unit(uow: UnitOfWork, event: Event) -> None:
    """What is changed or moved was not deleted then: the gateway does neither with a deleted unit."""
    facts = {name: event.data[name] for name in ("code", "name", "kind", "path")}
    uow.copy(copies.OrgUnitCopy, event, **facts, deleted=event.type.endswith(".deleted.v1"))


@on("aftersales.gateway.org_unit.moved.v1")
def org_unit_moved(uow: UnitOfWork, event: Event) -> None:
    org_unit(uow, event)
    usecases.follow_unit(uow, event.subject, event.sequence, event.data["former_path"], event.data["path"])


@on("aftersales.gateway.user.created.v1", "aftersales.gateway.user.changed.v1")
def user(uow: UnitOfWork, event: Event) -> None:
    data = event.data
    facts = {name: data[name] for name in ("username", "name", "active")}
    uow.copy(copies.UserCopy, event, **facts, home_path=data["org_path"])


@on("aftersales.gateway.party.created.v1", "aftersales.gateway.party.changed.v1")
def party(uow: UnitOfWork, event: Event) -> None:
    uow.copy(copies.PartyCopy, event, kind=event.data["kind"], org_path=event.org_path)


@on("aftersales.gateway.parameter.changed.v1")
def parameter(uow: UnitOfWork, event: Event) -> None:
    uow.copy(copies.ParameterCopy, event, key=event.data["key"], value=event.data["value"])


@on("aftersales.inventory.part.created.v1", "aftersales.inventory.part.changed.v1")
def part(uow: UnitOfWork, event: Event) -> None:
    data = event.data
    price = Decimal(data["price"])
    uow.copy(copies.PartCopy, event, number=data["number"], name=data["name"], unit=data["unit"], price=price)


@on("aftersales.finance.labour_rate.created.v1", "aftersales.finance.labour_rate.changed.v1")
def labour_rate(uow: UnitOfWork, event: Event) -> None:
    data = event.data
    rate = Decimal(data["hourly_rate"])
    uow.copy(copies.LabourRateCopy, event, code=data["code"], name=data["name"], hourly_rate=rate)


@on("aftersales.callcenter.customer.created.v1", "aftersales.callcenter.customer.changed.v1")
def customer(uow: UnitOfWork, event: Event) -> None:
    """Of an erased customer (C-04) no name is taken any more, however late or new the word."""
    known = uow.one(copies.CustomerCopy, id=event.subject, lock=True)
    if known is None or known.erased_at is None:
        _keep(uow, event, None)


@on("aftersales.callcenter.customer.erased.v1")
def customer_erased(uow: UnitOfWork, event: Event) -> None:
    _keep(uow, event, datetime.fromisoformat(event.data["erased_at"]))


def _keep(uow: UnitOfWork, event: Event, erased_at: datetime | None) -> None:
    phones = list(event.data["phones"])
    facts = {"name": event.data["name"], "phones": phones, "phone_marks": phone_marks(phones), "erased_at": erased_at}
    uow.copy(copies.CustomerCopy, event, **facts)
