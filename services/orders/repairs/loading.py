"""An order whole: its row, what its ids stand for and its sections, in one statement; of all orders on a page the sections in one.

Whoever changes an order locks its row in the same call, in front of that statement, which so sees what is committed by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, Uuid, and_, any_, bindparam, select

from chassis.db.rows import Mapping, mapping
from chassis.db.statements import Cache, Fixed, several
from chassis.db.uow import UnitOfWork
from services.orders.devices import Device
from services.orders.masters import CustomerCopy, DirectoryEntry, Product
from services.orders.repairs.quote import Quote, QuoteLine
from services.orders.repairs.sections import Diagnosis, HandOver, PartReturn, Sections
from services.orders.repairs.work_order import WorkOrder


# ---------------------------------------------------------------- names
def _name(column: Any, key: Any, of: Any) -> ColumnElement[Any]:
    return select(column).where(key == of).scalar_subquery()


DIRECTORY = {
    "site_id": "site_name", "technician_id": "technician_name", "held_site_id": "held_site_name", "bound_site_id": "bound_site_name",
}  # fmt: skip
"""Whom one site may name in a document of another."""


def names(order: Any) -> list[ColumnElement[Any]]:
    """What the ids of an order stand for; ``order`` is the class (correlated) or names parameters."""
    return [
        *(_name(DirectoryEntry.name, DirectoryEntry.id, getattr(order, of)).label(label) for of, label in DIRECTORY.items()),
        _name(CustomerCopy.name, CustomerCopy.id, order.customer_id).label("customer_name"),
        _name(Product.name, Product.id, order.product_id).label("product_name"),
        _name(Product.brand, Product.id, order.product_id).label("brand"),
        _name(Product.category, Product.id, order.product_id).label("category"),
        _name(Device.serial_number, Device.id, order.device_id).label("serial_number"),
    ]


_NAMED = (*DIRECTORY, "customer_id", "product_id", "device_id")
_NAMES = Fixed(select(*names(SimpleNamespace(**{name: bindparam(name, type_=Uuid()) for name in _NAMED}))), Cache.PLANNED)


def names_of(uow: UnitOfWork, order: WorkOrder) -> Any:
    """With the attributes of ``names``; asked for only where they did not come with the order, or it has other ids since."""
    ids = _ids(order)
    known, found = order.__dict__.get("names", (None, None))
    return found if known == ids else uow.rows(_NAMES, dict(zip(_NAMED, ids, strict=True)))[0]


def _ids(order: WorkOrder) -> tuple[UUID | None, ...]:
    return tuple(getattr(order, name) for name in _NAMED)


# ---------------------------------------------------------------- sections
_OF_ORDER, _OF_LINE = tuple(mapping(cls) for cls in (Diagnosis, Quote, HandOver)), mapping(QuoteLine)


def _with_sections(order: FromClause, *columns: ColumnElement[Any]) -> Select[Any]:
    """A row for each line of the newest quote, else one; the columns of each class in turn, behind ``columns``."""
    newest = and_(Quote.work_order_id == order.c.id, Quote.version == order.c.quote_version)
    lines = and_(QuoteLine.work_order_id == order.c.id, QuoteLine.version == order.c.quote_version)
    return (
        select(*columns, *(column for known in (*_OF_ORDER, _OF_LINE) for column in known.selectable))
        .select_from(order)
        .outerjoin(Diagnosis, Diagnosis.work_order_id == order.c.id)
        .outerjoin(Quote, newest)
        .outerjoin(HandOver, HandOver.work_order_id == order.c.id)
        .outerjoin(QuoteLine, lines)
        .order_by(order.c.id, QuoteLine.position)
    )


_ORDERS = WorkOrder.__table__
_OF_SEVERAL = Fixed(_with_sections(_ORDERS, _ORDERS.c.id).where(_ORDERS.c.id == any_(several("ids", Uuid()))))


def of_page(uow: UnitOfWork, orders: Sequence[Any]) -> dict[UUID, Sections]:
    """By order, of rows that have at least id and returned."""
    ids = [order.id for order in orders]
    returned = [order.id for order in orders if order.returned]
    returns = uow.find(PartReturn, work_order_id=returned, order_by=("id",)) if returned else []
    rows = uow.rows(_OF_SEVERAL, {"ids": ids}) if ids else []
    return {
        id: _sections(list(group), 1, [item for item in returns if item.work_order_id == id])
        for id, group in groupby(rows, key=lambda row: row[0])
    }


def _sections(rows: Sequence[Sequence[Any]], start: int, returns: list[PartReturn]) -> Sections:
    """Of the rows of one order, whose sections' columns begin at ``start``."""
    found: list[Any] = []
    for known in _OF_ORDER:
        found.append(_instance(known, rows[0], start))
        start += len(known.keys)
    diagnosis, quote, hand_over = found
    if quote is not None:
        quote.lines = [line for row in rows if (line := _instance(_OF_LINE, row, start)) is not None]
    return Sections(diagnosis, quote, returns, hand_over)


def _instance(known: Mapping, row: Sequence[Any], start: int) -> Any:
    """None where the order has none."""
    values = row[start : start + len(known.keys)]
    return None if values[known.keys.index(known.primary[0])] is None else known.load(values)


# ---------------------------------------------------------------- one order
_ROW = mapping(WorkOrder)
# Apart, so that the names are looked up once and not for each line.
_ONE = select(*_ROW.selectable, *names(WorkOrder)).where(WorkOrder.id == bindparam("id", type_=Uuid())).cte("one").prefix_with("MATERIALIZED")
_WHOLE = Fixed(_with_sections(_ONE, *_ONE.c), Cache.PLANNED)
_WIDTH = len(_ONE.c)


def fetch(uow: UnitOfWork, work_order_id: UUID) -> WorkOrder:
    """The order locked, to be changed. NotFound, StaleVersion."""
    if uow.has_locked(WorkOrder, work_order_id):  # with its sections, as fetched before or made here
        return uow.get(WorkOrder, work_order_id)
    uow.lock(WorkOrder, work_order_id)
    order = _whole(uow, work_order_id, lock=True)
    found = order.sections
    uow.changeable(*(section for section in (found.diagnosis, found.quote) if section is not None))
    return order


def see(uow: UnitOfWork, work_order_id: UUID) -> WorkOrder:
    """The order to be shown. NotFound."""
    return _whole(uow, work_order_id, lock=False)


def _whole(uow: UnitOfWork, work_order_id: UUID, lock: bool) -> WorkOrder:
    rows = uow.rows(_WHOLE, {"id": work_order_id})
    order = uow.loaded(WorkOrder, work_order_id, rows[0][: len(_ROW.keys)] if rows else None, lock)
    if "sections" not in order.__dict__:
        returns = uow.find(PartReturn, work_order_id=order.id, order_by=("id",)) if order.returned else []
        order.read_with(_sections(rows, _WIDTH, returns), uow.principal)
        order.__dict__["names"] = _ids(order), rows[0]
    return order
