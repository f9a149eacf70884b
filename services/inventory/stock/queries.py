"""Lists of warehouses, stock (I-20) and the ledger (I-21)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from services.inventory.parts import Part
from services.inventory.stock import views
from services.inventory.stock.ledger import Stock, StockMovement
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
_WHOLE = (
    select(*StockMovement.__table__.columns)
    .add_columns(Part.number.label("part_number"), Part.name.label("part_name"))
    .add_columns(Warehouse.code.label("warehouse_code"))
    .join(Part, Part.id == StockMovement.part_id)
    .join(Warehouse, Warehouse.id == StockMovement.warehouse_id)
)
_MOVEMENTS = Listing(
    _WHOLE, default_sort="-at", key=StockMovement.id,
    equal=members(StockMovement, "part_id", "warehouse_id", "work_order_id", "document_id", "kind"),
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
