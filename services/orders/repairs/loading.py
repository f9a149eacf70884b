"""An order's sections, read in one statement: of the order at hand, or of all on a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, any_, bindparam, select

from chassis.db.rows import mapping
from chassis.db.statements import Cache, Fixed, several
from chassis.db.uow import UnitOfWork
from services.orders.repairs.quote import Quote, QuoteLine
from services.orders.repairs.sections import Diagnosis, HandOver, PartReturn, Sections
from services.orders.repairs.work_order import WorkOrder

_READ = (Diagnosis, Quote, HandOver, QuoteLine)


def _statement(condition: Any) -> Select[Any]:
    """A row for each line of the newest quote, else one; the columns of each class in turn."""
    newest = and_(Quote.work_order_id == WorkOrder.id, Quote.version == WorkOrder.quote_version)
    lines = and_(QuoteLine.work_order_id == WorkOrder.id, QuoteLine.version == WorkOrder.quote_version)
    return (
        select(WorkOrder.id, *(column for cls in _READ for column in mapping(cls).selectable))
        .select_from(WorkOrder)
        .outerjoin(Diagnosis, Diagnosis.work_order_id == WorkOrder.id)
        .outerjoin(Quote, newest)
        .outerjoin(HandOver, HandOver.work_order_id == WorkOrder.id)
        .outerjoin(QuoteLine, lines)
        .where(condition)
        .order_by(WorkOrder.id, QuoteLine.position)
    )


_OF_ONE = Fixed(_statement(WorkOrder.id == bindparam("id", type_=Uuid())), Cache.PLANNED)
_OF_SEVERAL = Fixed(_statement(WorkOrder.id == any_(several("ids", Uuid()))))


def fetch(uow: UnitOfWork, work_order_id: UUID) -> WorkOrder:
    """The order locked, with its sections, to be changed. NotFound, StaleVersion."""
    order = uow.get(WorkOrder, work_order_id)
    if "sections" not in order.__dict__:
        order.read_with(_of_one(uow, order, lock=True))
    return order


def see(uow: UnitOfWork, work_order_id: UUID) -> WorkOrder:
    """The order with its sections, to be shown."""
    order = uow.read(WorkOrder, work_order_id)
    if "sections" not in order.__dict__:
        order.read_with(_of_one(uow, order, lock=False))
    return order


def _of_one(uow: UnitOfWork, order: WorkOrder, lock: bool) -> Sections:
    if _untouched(order):
        return Sections()
    rows = uow.rows(_OF_ONE, {"id": order.id})
    returns = uow.find(PartReturn, work_order_id=order.id, order_by=("id",)) if order.returned else []
    sections = _sections(rows, returns)
    if lock:
        uow.changeable(*(section for section in (sections.diagnosis, sections.quote) if section is not None))
    return sections


def _untouched(order: WorkOrder) -> bool:
    """Nothing was found or done yet: half of what is done to an order, taking in and assigning, needs no sections."""
    machine = order.machine
    there = machine.moves.get("diagnose")
    return order.state is machine.initial and not order.quote_version and (there is None or machine.initial not in there.sources)


def of_page(uow: UnitOfWork, orders: Sequence[Any]) -> dict[UUID, Sections]:
    """By order, of rows that have at least id and returned."""
    ids = [order.id for order in orders]
    returned = [order.id for order in orders if order.returned]
    returns = uow.find(PartReturn, work_order_id=returned, order_by=("id",)) if returned else []
    rows = uow.rows(_OF_SEVERAL, {"ids": ids}) if ids else []
    return {
        id: _sections(list(group), [item for item in returns if item.work_order_id == id])
        for id, group in groupby(rows, key=lambda row: row[0])
    }


def _sections(rows: Iterable[Any], returns: list[PartReturn]) -> Sections:
    found: list[list[Any]] = [_instances(row) for row in rows]
    if not found:
        return Sections(returns=returns)
    diagnosis, quote, hand_over, _ = found[0]
    if quote is not None:
        quote.lines = [line for *_, line in found if line is not None]
    return Sections(diagnosis, quote, returns, hand_over)


def _instances(row: Sequence[Any]) -> list[Any]:
    """One of each class, None where the order has none."""
    instances, start = [], 1
    for cls in _READ:
        known = mapping(cls)
        values = row[start : start + len(known.keys)]
        start += len(known.keys)
        there = values[known.keys.index(known.primary[0])] is not None
        instances.append(known.load(values) if there else None)
    return instances
