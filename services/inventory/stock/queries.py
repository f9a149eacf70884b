"""Lists of warehouses, bins (I-08), serials (I-22) and the ledger (I-21)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Numeric, Text, Uuid, any_, case, cast, null, select, type_coerce

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.statements import Fixed, several
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from services.inventory.parts import Part
from services.inventory.stock import views
from services.inventory.stock.bin import Bin, BinStock
from services.inventory.stock.ledger import StockMovement
from services.inventory.stock.serial import LIES, Serial, Whereabouts
from services.inventory.stock.warehouse import Warehouse

_WAREHOUSES = Listing(
    select(Warehouse), default_sort="code", key=Warehouse.id,
    equal={**members(Warehouse, "site_id", "kind", "quality"), "code": Warehouse.code_key},
)  # fmt: skip
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
    select(StockMovement.document_id, StockMovement.id)
    .where(StockMovement.document_id == any_(several("ids", Uuid())))
    .order_by(StockMovement.id)
)
_SERIAL = (
    select(Serial.id, Serial.part_id, Serial.number, Serial.place, Serial.moved_at, case((Serial.place == Whereabouts.ORDER, Serial.place_id)).label("work_order_id"))
    .add_columns(*(case((LIES, getattr(Serial, name))).label(name) for name in ("warehouse_id", "bin_id", "quality")))
    .add_columns(Part.number.label("part_number"), Part.name.label("part_name"), _CODE.label("warehouse_code"))
    .join(Part, Part.id == Serial.part_id)
    .outerjoin(Warehouse, Warehouse.id == Serial.place_id)
)
_SERIALS = Listing(
    _SERIAL, default_sort="number", key=Serial.id,
    equal={**members(Serial, "part_id", "place"), "number": Serial.number_key, "warehouse_id": Serial.place_id, "work_order_id": Serial.place_id},
)  # fmt: skip
_NEVER = cast(null(), Numeric(14, 3)), cast(null(), BinStock.last_at.type)
_BIN = select(*Bin.__table__.columns).add_columns(Warehouse.code.label("warehouse_code")).join(Warehouse, Warehouse.id == Bin.warehouse_id)
_BINS = Listing(
    _BIN.add_columns(_NEVER[0].label("on_hand"), _NEVER[1].label("last_at")), default_sort="code", key=Bin.id,
    equal={"warehouse_id": Bin.warehouse_id, "code": Bin.code_key},
)  # fmt: skip
_BINS_OF_PART = Listing(
    _BIN.add_columns(BinStock.on_hand, BinStock.last_at).join(BinStock, BinStock.bin_id == Bin.id), default_sort="-last_at", key=Bin.id,
    equal={"warehouse_id": Bin.warehouse_id, "code": Bin.code_key, "part_id": BinStock.part_id},
)  # fmt: skip


def warehouses(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _WAREHOUSES.page(uow, query, views.warehouse)


def movements(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _MOVEMENTS.page(uow, query, views.movement)


def movement(uow: UnitOfWork, movement_id: UUID) -> dict[str, Any]:
    rows = uow.rows(_WHOLE.where(StockMovement.id == movement_id))
    if not rows:
        raise NotFound()
    return views.movement(rows[0])


def movements_of(uow: UnitOfWork, document_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Ids of the movements made for these documents, oldest first."""
    found: dict[UUID, list[UUID]] = {}
    for row in uow.rows(_OF_DOCUMENTS, {"ids": list(document_ids)}) if document_ids else ():
        found.setdefault(row.document_id, []).append(row.id)
    return found


def serials(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``warehouse_id`` and ``work_order_id`` ask where a piece is now, ``number`` however it is written."""
    return _SERIALS.page(uow, query, views.serial)


def serial(uow: UnitOfWork, serial_id: UUID) -> dict[str, Any]:
    rows = uow.rows(_SERIAL.where(Serial.id == serial_id))
    if not rows:
        raise NotFound()
    return views.serial(rows[0])


def bins(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """With ``part_id`` those it lies or lay in, the last one first: that one is proposed for more of it (I-08)."""
    return (_BINS_OF_PART if "part_id" in query.filters else _BINS).page(uow, query, views.bin)


def bin(uow: UnitOfWork, bin_id: UUID) -> dict[str, Any]:
    rows = uow.rows(_BIN.where(Bin.id == bin_id).add_columns(_NEVER[0].label("on_hand"), _NEVER[1].label("last_at")))
    if not rows:
        raise NotFound()
    return views.bin(rows[0])
