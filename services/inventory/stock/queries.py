"""Lists of warehouses, stock (I-20) and the ledger (I-21)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, and_, any_, case, exists, func, or_, select, type_coerce
from sqlalchemy.orm import aliased

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.statements import Fixed, several
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from services.inventory.parts import Part
from services.inventory.stock import views
from services.inventory.stock.ledger import Stock, StockMovement
from services.inventory.stock.serial import Serial
from services.inventory.stock.store import Moved
from services.inventory.stock.warehouse import Keeping, Warehouse

_WAREHOUSES = Listing(
    select(Warehouse), default_sort="code", key=Warehouse.id,
    equal={**members(Warehouse, "site_id", "kind", "quality"), "code": Warehouse.code_key},
)  # fmt: skip
_OTHER = aliased(Stock)
_SAME = and_(_OTHER.warehouse_id == Stock.warehouse_id, _OTHER.part_id == Stock.part_id)
# A store has one row of a part. Of the qualities in a transit place the first stands for all: its row is their sum.
_FIRST = or_(Warehouse.kind == Keeping.STORE, ~exists().where(_SAME, _OTHER.quality < Stock.quality))
_ON_HAND = case(
    (Warehouse.kind == Keeping.STORE, Stock.on_hand), else_=select(func.sum(_OTHER.on_hand)).where(_SAME).scalar_subquery()
)
_STOCK = Listing(
    select(Stock.part_id, Stock.warehouse_id, _ON_HAND.label("on_hand"), Stock.reserved)
    .add_columns(Part.number.label("part_number"), Part.name.label("part_name"), Part.unit)
    .add_columns(Warehouse.code.label("warehouse_code"), Warehouse.kind.label("warehouse_kind"), Warehouse.quality, Warehouse.site_id)
    .join(Part, Part.id == Stock.part_id)
    .join(Warehouse, Warehouse.id == Stock.warehouse_id)
    .where(_FIRST),
    sorts={"available": _ON_HAND - Stock.reserved},
    default_sort="part_number",
    key=Stock.id,
    equal={
        **members(Stock, "part_id", "warehouse_id"),
        **members(Warehouse, "site_id", "quality"),
        "part_number": Part.number_key,
    },
)
# Where a row may have none of it, the list must know.
_NUMBER, _CODE = type_coerce(Serial.number, Text()), type_coerce(Warehouse.code, Text())
_WHOLE = (
    select(*StockMovement.__table__.columns)
    .add_columns(Part.number.label("part_number"), Part.name.label("part_name"))
    .add_columns(Warehouse.code.label("warehouse_code"), _NUMBER.label("serial_number"))
    .join(Part, Part.id == StockMovement.part_id)
    .join(Warehouse, Warehouse.id == StockMovement.warehouse_id)
    .outerjoin(Serial, Serial.id == StockMovement.serial_id)
)
_MOVEMENTS = Listing(
    _WHOLE, default_sort="-at", key=StockMovement.id,
    equal=members(StockMovement, "part_id", "warehouse_id", "work_order_id", "document_id", "kind", "serial_id"),
)  # fmt: skip
_OF_DOCUMENTS = Fixed(
    select(StockMovement.document_id, StockMovement.id, StockMovement.part_id, Serial.number)
    .outerjoin(Serial, Serial.id == StockMovement.serial_id)
    .where(StockMovement.document_id == any_(several("ids", Uuid())))
    .order_by(StockMovement.id)
)
_SERIAL = (
    select(*Serial.__table__.columns)
    .add_columns(Part.number.label("part_number"), Part.name.label("part_name"), _CODE.label("warehouse_code"))
    .join(Part, Part.id == Serial.part_id)
    .outerjoin(Warehouse, Warehouse.id == Serial.place_id)
)
_SERIALS = Listing(
    _SERIAL, default_sort="number", key=Serial.id,
    equal={**members(Serial, "part_id", "place"), "number": Serial.number_key, "warehouse_id": Serial.place_id, "work_order_id": Serial.place_id},
)  # fmt: skip


def warehouses(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _WAREHOUSES.page(uow, query, views.warehouse)


def stock(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _STOCK.page(uow, query, views.stock)


def movements(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _MOVEMENTS.page(uow, query, views.movement)


def movement(uow: UnitOfWork, movement_id: UUID) -> dict[str, Any]:
    rows = uow.rows(_WHOLE.where(StockMovement.id == movement_id))
    if not rows:
        raise NotFound()
    return views.movement(rows[0])


def movements_of(uow: UnitOfWork, document_ids: Sequence[UUID]) -> dict[UUID, list[Moved]]:
    """Movements made for these documents, oldest first."""
    found: dict[UUID, list[Moved]] = {}
    for row in uow.rows(_OF_DOCUMENTS, {"ids": list(document_ids)}) if document_ids else ():
        found.setdefault(row.document_id, []).append(Moved(row.id, row.part_id, row.number))
    return found


def serials(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``warehouse_id`` and ``work_order_id`` ask where a piece is now, ``number`` however it is written."""
    return _SERIALS.page(uow, query, views.serial)


def serial(uow: UnitOfWork, serial_id: UUID) -> dict[str, Any]:
    rows = uow.rows(_SERIAL.where(Serial.id == serial_id))
    if not rows:
        raise NotFound()
    return views.serial(rows[0])
