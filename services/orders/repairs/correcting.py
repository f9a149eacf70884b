"""Correcting an order until it is billed (O-85, R-05): whose it is, which device, what is wrong, how it came in; and where, as
long as nothing was done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import BadTransition, Forbidden
from services.orders.devices import Decision, Device, Exclusion, decide
from services.orders.kernel import Document, local_day, own
from services.orders.masters import Site, living
from services.orders.repairs import opening, search
from services.orders.repairs.records import FormerCustomer
from services.orders.repairs.states import State
from services.orders.repairs.usecases import bill_of, moving
from services.orders.repairs.work_order import WorkOrder

TAKE_IN = "orders.work_order.create"
"""Who gives an order to a site takes it in there."""


def correct(uow: UnitOfWork, work_order_id: UUID, **fields: Any) -> WorkOrder:
    """``fields``: customer_id, device_id, problem, channel, site_id. As at registration the device's owner is meant where there is
    no customer. Coverage is decided again when the device is said, be it the same one, or the site. Another site only while
    registered, with the right to take in and within the scopes of both: technician and appointment are free again. Raises
    BillExists, BadTransition, Forbidden, UnknownReference, CustomerErased."""
    with moving(uow, work_order_id) as order:
        order.require_correctable(bill_of(uow, order))
        device = _device(uow, order, fields)
        right: Document = {name: fields[name] for name in ("channel", "problem") if name in fields}
        if "device_id" in fields:
            right |= {"device_id": device and device.id, "product_id": device and device.product_id}
        if customer := _customer(uow, order, device, fields):
            right["customer_id"] = customer[0]
        if site := _site(uow, order, fields):
            right |= {"site_id": site.id, "org_path": site.org_path, "time_zone": site.time_zone}
            right |= dict.fromkeys(("technician_id", "appointment_start", "appointment_end"))
        again = "device_id" in fields or site is not None
        decision = decided(order, device, right.get("time_zone", order.time_zone)) if again else None
        former, problem = order.customer_id, order.problem
        if not order.correct(right, decision, uow.actor):
            return order
        if former is not None and former != order.customer_id:
            _remember(uow, order, former)
        if order.problem != problem:
            _index(uow, order)
        if site is not None:
            _follow(uow, order)
    return order


def decided(order: WorkOrder, device: Device | None, time_zone: str) -> Decision:
    """Coverage as of the day of registration where the site is, with what the diagnosis found so far (O-26, O-28, O-30)."""
    found = order.sections.diagnosis
    return decide(
        device.term if device else None,
        local_day(order.registered_at, time_zone),
        exclusion=Exclusion(found.exclusion) if found and found.exclusion else None,
        quality_defect=found.quality_defect if found else True,
    )


def _device(uow: UnitOfWork, order: WorkOrder, fields: Document) -> Device | None:
    """The device of the order once it is corrected."""
    if "device_id" in fields:
        return own(uow, Device, fields["device_id"], "device_id") if fields["device_id"] else None
    needed = "site_id" in fields or ("customer_id" in fields and fields["customer_id"] is None)
    return uow.one(Device, id=order.device_id) if needed and order.device_id else None


def _customer(uow: UnitOfWork, order: WorkOrder, device: Device | None, fields: Document) -> tuple[UUID | None] | None:
    """The customer it is corrected to; None where he stays. Whom the order has already is not asked for again."""
    wanted = fields.get("customer_id", order.customer_id)
    owner = wanted or (device.customer_id if device else None)
    if owner is None:
        return (None,) if order.customer_id is not None else None
    return None if UUID(str(owner)) == order.customer_id else (living(uow, owner),)


def _site(uow: UnitOfWork, order: WorkOrder, fields: Document) -> Site | None:
    """The other site; None where it stays."""
    if "site_id" not in fields or UUID(fields["site_id"]) == order.site_id:
        return None
    if not uow.principal.may(TAKE_IN):
        raise Forbidden("another site is for who may take in there")
    if order.state is not State.REGISTERED:
        raise BadTransition(order.state, order.machine.allowed(order), "correct")
    site = own(uow, Site, fields["site_id"], "site_id")
    opening.dealer(uow, str(order.dealer_id) if order.dealer_id else None, site)
    return site


def _remember(uow: UnitOfWork, order: WorkOrder, former: UUID) -> None:
    row = {"customer_id": former, "work_order_id": order.id, "quote_version": order.quote_version, "org_path": order.org_path}
    again = {"quote_version": order.quote_version}
    uow.execute(insert(FormerCustomer).values(**row).on_conflict_do_update(index_elements=["customer_id", "work_order_id"], set_=again))


def _index(uow: UnitOfWork, order: WorkOrder) -> None:
    """The words of the new problem in the place of the old one's, for all who see the order."""
    uow.later("SELECT index_work_order(%s, %s)", (order.id, sorted(search.tokens(order.problem))))


def _follow(uow: UnitOfWork, order: WorkOrder) -> None:
    """What hangs on the order goes where it is now, and its technician's time is free. As the owner of the tables: the journal
    and the bytes of files only grow, also for the application."""
    uow.later("DELETE FROM appointments WHERE work_order_id = %s", (order.id,))
    uow.flush()
    uow.later("SELECT follow_work_order(%s)", (order.id,))
