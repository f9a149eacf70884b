"""What can be done with hand-over slips (O-101). The order goes with its device: it is locked first, then the slip, as everybody does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import BadTransition, Duplicate, HeldElsewhere, NotFound, UnknownReference
from services.orders.devices import Device
from services.orders.kernel import Document, local_day
from services.orders.masters import SITE, DirectoryEntry
from services.orders.repairs import (
    WorkOrder,
    arrive,
    fetch,
    free,
    note,
    place_of,
    require_sendable,
    ship,
    stay,
)
from services.orders.routes.slip import MACHINE, HandOverSlip

NUMBERED = "hand_over_slip"


def send(uow: UnitOfWork, work_order_id: str, to_site_id: str, given_by: str, remark: str | None = None) -> HandOverSlip:
    """Whoever has the device sends it to any active site of the company where it has not been on its way. Raises UnknownReference,
    BadTransition, HeldElsewhere, Duplicate."""
    seen = uow.one(WorkOrder, id=UUID(work_order_id))
    if seen is None:
        raise UnknownReference("work_order_id")
    order = fetch(uow, seen.id)
    require_sendable(order)
    giver, taker = _site(uow, place_of(order)), _site(uow, UUID(to_site_id))
    if giver is None or taker is None or not taker.active:
        raise UnknownReference("to_site_id")
    if taker.id in (giver.id, order.site_id):  # it goes back the way it came, by the slip that brought it
        raise Duplicate("to_site_id")
    device = uow.one(Device, id=order.device_id) if order.device_id else None
    slip = HandOverSlip.send(
        uow.now,
        number=uow.number(NUMBERED, local_day(uow.now, order.time_zone)),
        work_order_id=order.id,
        work_order_number=order.number,
        from_site_id=giver.id,
        to_site_id=taker.id,
        org_path=giver.path,
        held_site_id=taker.id,
        held_path=taker.path,
        bound_path=None if order.org_path in (giver.path, taker.path) else order.org_path,
        product_id=order.product_id,
        serial_number=device.serial_number if device else None,
        fault=order.problem,
        remark=remark,
        given_by=given_by,
    )
    uow.add(slip)
    ship(order, taker, "send", uow.actor, {**_said(uow, slip), "given_by": given_by})
    return slip


def receive(uow: UnitOfWork, slip_id: UUID, received_by: str) -> HandOverSlip:
    with _moving(uow, slip_id) as (order, slip, said):
        slip.receive(received_by, order.ready_at, uow.now, uow.actor)
        arrive(order, "receive", uow.actor, {**said, "received_by": received_by})
        free(uow, order)
    return slip


def refuse(uow: UnitOfWork, slip_id: UUID, reason: str) -> HandOverSlip:
    with _moving(uow, slip_id) as (order, slip, said):
        slip.refuse(reason, uow.actor)
        stay(order, "refuse", uow.actor, said, reason)
    return slip


def take_back(uow: UnitOfWork, slip_id: UUID, reason: str) -> HandOverSlip:
    with _moving(uow, slip_id) as (order, slip, said):
        slip.take_back(reason, uow.actor)
        stay(order, "take-back", uow.actor, said, reason)
    return slip


def report_lost(uow: UnitOfWork, slip_id: UUID, reason: str) -> HandOverSlip:
    with _moving(uow, slip_id) as (order, slip, said):
        slip.report_lost(reason, uow.actor)
        note(order, "report-lost", uow.actor, said, reason)
    return slip


def find(uow: UnitOfWork, slip_id: UUID, reason: str) -> HandOverSlip:
    with _moving(uow, slip_id) as (order, slip, said):
        slip.find(reason, uow.actor)
        note(order, "find", uow.actor, said, reason)
    return slip


def send_back(uow: UnitOfWork, slip_id: UUID, given_by: str) -> HandOverSlip:
    """To the site it came from, in whatever state its order is by now. Not while it is at a third site: HeldElsewhere."""
    with _moving(uow, slip_id) as (order, slip, said):
        MACHINE.require(slip, "send-back")
        if order.held_site_id != slip.held_site_id or order.bound_site_id is not None:
            raise HeldElsewhere()
        giver = _site(uow, slip.from_site_id)
        assert giver is not None
        slip.send_back(given_by, uow.now, uow.actor)
        ship(order, giver, "send-back", uow.actor, {**said, "given_by": given_by})
    return slip


@contextmanager
def _moving(uow: UnitOfWork, slip_id: UUID) -> Iterator[tuple[WorkOrder, HandOverSlip, Document]]:
    """Order and slip, locked, and the road as the order's history tells it; a refused move names what this caller may do instead."""
    expected, uow.expected_version = uow.expected_version, None
    seen = uow.read(HandOverSlip, slip_id)
    try:
        order = fetch(uow, seen.work_order_id)
    except NotFound:  # whoever had the device keeps the slip, and has nothing to do with it any more
        raise BadTransition(seen.state, []) from None
    uow.expected_version = expected
    slip = uow.get(HandOverSlip, slip_id)
    slip.__dict__["reader"] = uow.principal
    try:
        yield order, slip, _said(uow, slip)
    except BadTransition as refused:
        refused.members["allowed_actions"] = MACHINE.allowed(slip, uow.principal)
        raise


def _site(uow: UnitOfWork, site_id: UUID) -> DirectoryEntry | None:
    return uow.one(DirectoryEntry, id=site_id, kind=SITE)


def _said(uow: UnitOfWork, slip: HandOverSlip) -> Document:
    """As the order's history has it."""
    ends = {entry.id: entry.name for entry in uow.find(DirectoryEntry, id=[slip.from_site_id, slip.to_site_id])}
    giver, taker = (slip.to_site_id, slip.from_site_id) if slip.homeward else (slip.from_site_id, slip.to_site_id)
    return {"slip": slip.number, "from": ends.get(giver), "to": ends.get(taker)}
