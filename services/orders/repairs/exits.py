"""How an order ends without its repair (O-85): cancelled, back to its customer unrepaired, or collected by nobody."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from services.orders.kernel import Document
from services.orders.repairs import announcing, ending, gates, loading, quick_jobs, usecases
from services.orders.repairs.billing import diagnosis_fee
from services.orders.repairs.errors import PartsNotReturned
from services.orders.repairs.facts import Parts
from services.orders.repairs.quoting import priced
from services.orders.repairs.settings import tax_rate, uncollected_days
from services.orders.repairs.states import State
from services.orders.repairs.usecases import bill_of, free, moving, parts_of
from services.orders.repairs.work_order import WorkOrder


def cancel(uow: UnitOfWork, work_order_id: UUID, reason: str) -> WorkOrder:
    """Cancelled, with reservations and the technician's time free; or cancelling, which inventory's answer ends (``parts_reported``)."""
    with moving(uow, work_order_id) as order:
        ending.cancel(order, reason, parts_of(uow, order), bill_of(uow, order), uow.actor)
        if order.state is State.CANCELLED:
            free(uow, order)
    return order


def cancelled(uow: UnitOfWork, work_order_id: UUID) -> WorkOrder | None:
    """How the cancel ended, None while it has not. Raises PartsNotReturned: the storekeeper had handed out parts by then."""
    order = loading.see(uow, work_order_id)
    if order.state is State.CANCELLING:
        return None
    if order.state is not State.CANCELLED:
        raise PartsNotReturned(parts=announcing.lines(gates.parts_out(order, parts_of(uow, order))))
    return order


def return_unrepaired(uow: UnitOfWork, work_order_id: UUID, fee: list[Document] | None = None) -> WorkOrder:
    """After a refused quote. ``fee``: labour that the customer pays for the diagnosis, at today's rates; without it the bill is 0.00."""
    with moving(uow, work_order_id) as order:
        order.machine.require(order, "return-unrepaired")
        billing = diagnosis_fee(list(priced(uow, fee or [], "fee")), tax_rate(uow))
        ending.return_unrepaired(order, billing, parts_of(uow, order), uow.now, uow.actor)
    return order


def close_uncollected(uow: UnitOfWork, work_order_id: UUID, reason: str) -> WorkOrder:
    """By the manager, once it is overdue (parameter ``work_order.uncollected_days``): NotOverdue."""
    with moving(uow, work_order_id) as order:
        order.machine.require(order, "close-uncollected")
        gates.overdue(order, uow.now, uncollected_days(uow))
        ending.close_uncollected(order, reason, uow.now, uow.actor)
    return order


def tell_overdue(uow: UnitOfWork, limit: int = 100) -> int:
    """Tells of orders that have become overdue, the longest ready first, each once; how many. Who is working on one is not waited for."""
    late = uow.now - timedelta(days=uncollected_days(uow))
    due = select(WorkOrder.id).where(
        WorkOrder.state == State.READY, WorkOrder.uncollected_told_at.is_(None), WorkOrder.ready_at <= late
    )
    found = uow.rows(due.order_by(WorkOrder.ready_at, WorkOrder.id).limit(limit).with_for_update(skip_locked=True))
    for row in found:
        ending.note_overdue(loading.fetch(uow, row.id), uow.now, uow.actor)
    return len(found)


def parts_reported(uow: UnitOfWork, work_order_id: UUID, parts: Parts) -> None:
    """Inventory's news: an order that waited for it goes on, or ends."""
    order = loading.fetch(uow, work_order_id)
    before = order.state
    going = order.kind == quick_jobs.KIND and order.state in (State.IN_REPAIR, State.IN_CHECK)
    order.note_parts(parts, uow.actor)
    if going:
        quick_jobs.advance(uow, order, parts)
    usecases.save(uow, order)
    if order.state is State.CANCELLED and before is not State.CANCELLED:
        free(uow, order)
