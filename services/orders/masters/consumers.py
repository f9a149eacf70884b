"""Keeps the read copies: every event carries the whole state, a stale one changes nothing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, on
from chassis.domain.money import exact_rate
from services.orders.masters import copies, usecases
from services.orders.masters.phones import phone_marks


@on("aftersales.gateway.org_unit.*.v1", reads=("code", "name", "kind", "path", "deleted"))
def org_unit(uow: UnitOfWork, event: Event) -> None:
    """``deleted`` came later; before it, the verb said so."""
    uow.copy(copies.OrgUnitCopy, event, **{"deleted": event.verb == "deleted", **event.data})


@on("aftersales.gateway.org_unit.moved.v1", reads=("former_path", "path"), locks=True)
def org_unit_moved(uow: UnitOfWork, event: Event) -> None:
    usecases.follow_unit(uow, event.subject, event.sequence, event.data["former_path"], event.data["path"])


@on("aftersales.gateway.user.*.v1", reads=("username", "name", "active", "org_path"))
def user(uow: UnitOfWork, event: Event) -> None:
    data = event.data
    facts = {name: data[name] for name in ("username", "name", "active")}
    uow.copy(copies.UserCopy, event, **facts, home_path=data["org_path"])


@on("aftersales.gateway.party.*.v1", reads=("kind",))
def party(uow: UnitOfWork, event: Event) -> None:
    uow.copy(copies.PartyCopy, event, kind=event.data["kind"], org_path=event.org_path)


@on("aftersales.gateway.parameter.*.v1", reads=("key", "value"))
def parameter(uow: UnitOfWork, event: Event) -> None:
    uow.copy(copies.ParameterCopy, event, **event.data)


@on("aftersales.inventory.part.*.v1", reads=("number", "name", "unit", "price", "tax_rate"))
def part(uow: UnitOfWork, event: Event) -> None:
    data = event.data
    priced = {"price": Decimal(data["price"]), "tax_rate": exact_rate(data.get("tax_rate"))}
    uow.copy(copies.PartCopy, event, number=data["number"], name=data["name"], unit=data["unit"], **priced)


@on("aftersales.finance.labour_rate.*.v1", reads=("code", "name", "hourly_rate", "tax_rate"))
def labour_rate(uow: UnitOfWork, event: Event) -> None:
    data = event.data
    priced = {"hourly_rate": Decimal(data["hourly_rate"]), "tax_rate": exact_rate(data.get("tax_rate"))}
    uow.copy(copies.LabourRateCopy, event, code=data["code"], name=data["name"], **priced)


@on("aftersales.finance.counterparty.*.v1", reads=("kind", "code", "name", "active"))
def counterparty(uow: UnitOfWork, event: Event) -> None:
    uow.copy(copies.CounterpartyCopy, event, **event.data)


@on("aftersales.callcenter.customer.*.v1", reads=("name", "phones", "erased_at"), locks=True)
def customer(uow: UnitOfWork, event: Event) -> None:
    """Of an erased customer (C-04) no name is taken any more, however late or new the word."""
    erased_at = event.data.get("erased_at")
    if erased_at is None:
        known = uow.one(copies.CustomerCopy, id=event.subject, lock=True)
        if known is not None and known.erased_at is not None:
            return
    phones = list(event.data["phones"])
    facts = {"name": event.data["name"], "phones": phones, "phone_marks": phone_marks(phones)}
    uow.copy(copies.CustomerCopy, event, **facts, erased_at=erased_at and datetime.fromisoformat(erased_at))
