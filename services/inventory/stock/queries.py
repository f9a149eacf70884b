"""Lists of warehouses, stock (I-20) and the ledger (I-21)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from chassis.http.paging import ListQuery
from services.inventory.parts import Part
from services.inventory.stock import views
from services.inventory.stock.ledger import Stock, StockMovement
from services.inventory.stock.warehouse import Warehouse

WAREHOUSE_SORTS = {"code": Warehouse.code, "name": Warehouse.name, "created_at": Warehouse.created_at}
STOCK_SORTS = {
    "part_number": Part.number,
    "part_name": Part.name,
    "warehouse_code": Warehouse.code,
    "on_hand": Stock.on_hand,
    "reserved": Stock.reserved,
    "available": Stock.on_hand - Stock.reserved,
}
MOVEMENT_SORTS = {"at": StockMovement.at}


def warehouses(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    columns = {"site_id": Warehouse.site_id, "quality": Warehouse.quality, "code": Warehouse.code}
    statement = _filtered(select(Warehouse), query, columns)
    return uow.page(
        statement, query, sorts=WAREHOUSE_SORTS, default_sort="code", key=Warehouse.id, view=views.warehouse
    )


def stock(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement = (
        select(Stock.part_id, Stock.warehouse_id, Stock.on_hand, Stock.reserved)
        .add_columns(Part.number.label("part_number"), Part.name.label("part_name"), Part.unit)
        .add_columns(Warehouse.code.label("warehouse_code"), Warehouse.quality, Warehouse.site_id)
        .join(Part, Part.id == Stock.part_id)
        .join(Warehouse, Warehouse.id == Stock.warehouse_id)
    )
    columns = {
        "part_id": Stock.part_id,
        "warehouse_id": Stock.warehouse_id,
        "site_id": Warehouse.site_id,
        "quality": Warehouse.quality,
        "part_number": Part.number,
    }
    statement = _filtered(statement, query, columns)
    return uow.page(
        statement, query, sorts=STOCK_SORTS, default_sort="part_number", key=Stock.id, view=views.stock
    )


def movements(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    columns = {
        "part_id": StockMovement.part_id,
        "warehouse_id": StockMovement.warehouse_id,
        "work_order_id": StockMovement.work_order_id,
        "document_id": StockMovement.document_id,
        "kind": StockMovement.kind,
    }
    statement = _filtered(_movements(), query, columns)
    return uow.page(
        statement, query, sorts=MOVEMENT_SORTS, default_sort="-at", key=StockMovement.id, view=views.movement
    )


def movement(uow: UnitOfWork, movement_id: UUID) -> dict[str, Any]:
    rows = uow.rows(_movements().where(StockMovement.id == movement_id))
    if not rows:
        raise NotFound()
    return views.movement(rows[0])


def _movements() -> Select[Any]:
    return (
        select(*StockMovement.__table__.columns)
        .add_columns(Part.number.label("part_number"), Part.name.label("part_name"))
        .add_columns(Warehouse.code.label("warehouse_code"))
        .join(Part, Part.id == StockMovement.part_id)
        .join(Warehouse, Warehouse.id == StockMovement.warehouse_id)
    )


def _filtered(statement: Select[Any], query: ListQuery, columns: dict[str, Any]) -> Select[Any]:
    """Exact conditions on what the contract names."""
    for name, column in columns.items():
        if name in query.filters:
            statement = statement.where(column == query.filters[name])
    return statement
