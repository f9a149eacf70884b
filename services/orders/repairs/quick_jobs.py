"""Quick jobs (快修, O-97): one call for what is done while the customer waits. It commits the order and waits for the store's answer and
the bill; what the store cannot serve is cancelled, and the call is refused with its code.

Inventory reserves, the order is done and its parts are issued, it is ready and billed: the same events as of a repair, one after the
other. A call that dies on the way leaves an order that goes on by itself, or is given up by the timer.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.db.tables import journal
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import BadTransition, DomainError, NotFound
from services.orders.kernel import Document, number, quantity
from services.orders.repairs import announcing, ending, gates, loading, usecases
from services.orders.repairs.errors import InsufficientStock, PartsNotIssued
from services.orders.repairs.facts import Parts
from services.orders.repairs.kinds import QUICK_JOB
from services.orders.repairs.quoting import positions
from services.orders.repairs.settings import tax_rate
from services.orders.repairs.states import State
from services.orders.repairs.usecases import bill_of, parts_of, technician_of
from services.orders.repairs.work_order import WorkOrder

KIND = QUICK_JOB.name
SHORT, SILENT = "insufficient_stock", "parts_not_issued"
"""Why one is given up, as its journal keeps it: code of the refusal."""
WORDS = {SHORT: "库存不足 (not in stock)", SILENT: "仓库没有及时确认 (no answer from the store in time)"}
PATIENCE = timedelta(seconds=10)
"""How long the store may take when nobody waits any more."""


def create(
    uow: UnitOfWork,
    technician_id: str,
    work_done: str,
    labour: list[Document],
    parts: list[Document],
    approved_by: str | None = None,
    channel: str = "counter",
    **taken_in: Any,
) -> WorkOrder:
    """Taken in, given to the technician, quoted at today's prices and agreed to. ``taken_in``: what ``usecases.register`` takes."""
    order = usecases.register(uow, kind=KIND, channel=channel, **taken_in)
    technician = technician_of(uow, order, technician_id)
    order.assign(technician.id, technician.name, None, None, uow.actor)
    order.start(uow.actor)
    order.offer(positions(uow, labour, parts), tax_rate(uow), uow.now, uow.actor)
    if order.approved_version is None:
        order.approve(approved_by or uow.actor, uow.now, uow.actor)
    order.work_done = work_done
    if not order.needed():
        _done(uow, order, None)
    usecases.save(uow, order)
    return order


def advance(uow: UnitOfWork, order: WorkOrder, parts: Parts) -> None:
    """The store's answer: all is reserved, all is out, or it has not enough."""
    if parts.quote_version != order.approved_version:
        return
    if order.state is State.IN_REPAIR and not parts.reserved_all:
        _give_up(uow, order, parts, SHORT, [line for line in map(_missing, parts.lines) if line["short"]])
    elif order.state is State.IN_REPAIR and (unissued := gates.by_serial(order, parts)):
        _give_up(uow, order, parts, SILENT, unissued)  # nobody hands out pieces by number while a counter waits
    else:
        _done(uow, order, parts)


def _missing(line: Document) -> Document:
    """A line as the store itself tells of a shortage."""
    out = quantity(line["issued"]) - quantity(line["returned"])
    short = max(quantity(line["needed"]) - quantity(line["reserved"]) - out, Decimal(0))
    return {name: line[name] for name in ("part_id", "needed", "reserved")} | {"short": number(short)}


def _done(uow: UnitOfWork, order: WorkOrder, parts: Parts | None) -> None:
    """As far as the parts let it."""
    if order.state is State.IN_REPAIR:
        assert order.work_done is not None
        order.complete(order.work_done, parts, uow.actor)
    if order.state is State.IN_CHECK and (parts is None or parts.issued_all):
        order.finish(parts, uow.now, uow.actor)
        usecases.add_stay(uow, order)


def require(uow: UnitOfWork, work_order_id: UUID) -> None:
    """NotFound of an order that is none."""
    if uow.read(WorkOrder, work_order_id).kind != KIND:
        raise NotFound()


def settled(uow: UnitOfWork, work_order_id: UUID) -> WorkOrder | None:
    """The job once it is billed, None until then. Raises what it was given up for."""
    order = loading.see(uow, work_order_id)
    if order.state in (State.CANCELLING, State.CANCELLED):
        raise _refusal(uow, order)
    return order if bill_of(uow, order) else None


def lapse(uow: UnitOfWork, work_order_id: UUID) -> WorkOrder | DomainError:
    """No answer in time. What the store has not even reserved is given up; what is out already will be billed: nothing can fail any
    more, and the order says how far it is."""
    order = loading.fetch(uow, work_order_id)
    if order.state is State.IN_REPAIR:
        needed = announcing.lines(order.needed())
        _give_up(uow, order, parts_of(uow, order), SILENT, needed)
        return PartsNotIssued(parts=needed)
    return _refusal(uow, order) if order.state in (State.CANCELLING, State.CANCELLED) else order


def abandoned(uow: UnitOfWork, limit: int = 100) -> list[UUID]:
    """Jobs whose call is over and whose store has not answered."""
    found = select(WorkOrder.id).where(
        WorkOrder.kind == KIND, WorkOrder.state == State.IN_REPAIR, WorkOrder.registered_at < uow.now - PATIENCE
    )
    return [row.id for row in uow.rows(found.order_by(WorkOrder.registered_at).limit(limit))]


def _give_up(uow: UnitOfWork, order: WorkOrder, parts: Parts | None, code: str, lines: list[Document]) -> None:
    ending.cancel(order, WORDS[code], parts, None, uow.actor, {"code": code, "parts": lines})


def _refusal(uow: UnitOfWork, order: WorkOrder) -> DomainError:
    reason = uow.scalar(
        select(journal.c.data).where(journal.c.entity_id == order.id, journal.c.action == "cancel").order_by(journal.c.id.desc()).limit(1)
    )
    match (reason or {}).get("code"):
        case "insufficient_stock":
            return InsufficientStock(parts=reason["parts"])
        case "parts_not_issued":
            return PartsNotIssued(parts=reason["parts"])
    return BadTransition(order.state, [], "finish")  # somebody cancelled it meanwhile
