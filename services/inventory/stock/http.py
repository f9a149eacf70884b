"""HTTP functions of contracts/inventory/openapi/stock.yaml."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.inventory.stock import balances, queries, usecases, views
from services.inventory.stock.bin import Bin
from services.inventory.stock.warehouse import Warehouse


def create_warehouse(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return views.warehouse(usecases.create_warehouse(uow, **body))


def get_warehouse(uow: UnitOfWork, warehouse_id: UUID) -> dict[str, Any]:
    return views.warehouse(uow.read(Warehouse, warehouse_id))


def rename_warehouse(uow: UnitOfWork, warehouse_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return views.warehouse(usecases.rename_warehouse(uow, warehouse_id, **body))


def search_warehouses(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.warehouses(uow, query)


def create_bin(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return _bin(uow, usecases.create_bin(uow, **body))


def change_bin(uow: UnitOfWork, bin_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _bin(uow, usecases.change_bin(uow, bin_id, **body))


def get_bin(uow: UnitOfWork, bin_id: UUID) -> dict[str, Any]:
    return queries.bin(uow, bin_id)


def search_bins(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.bins(uow, query)


def _bin(uow: UnitOfWork, saved: Bin) -> dict[str, Any]:
    uow.flush()
    return queries.bin(uow, saved.id)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return balances.stock(uow, query)


def search_movements(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.movements(uow, query)


def search_serials(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.serials(uow, query)


def get_serial(uow: UnitOfWork, serial_id: UUID) -> dict[str, Any]:
    return queries.serial(uow, serial_id)


def get_movement(uow: UnitOfWork, movement_id: UUID) -> dict[str, Any]:
    return queries.movement(uow, movement_id)
