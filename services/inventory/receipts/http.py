"""HTTP functions of contracts/inventory/openapi/receipts.yaml."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.inventory.receipts import queries, usecases
from services.inventory.receipts.receipt import StockReceipt


def create(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, usecases.create(uow, **body))


def change(uow: UnitOfWork, receipt_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, usecases.change(uow, receipt_id, **body))


def post(uow: UnitOfWork, receipt_id: UUID) -> dict[str, Any]:
    return _shown(uow, usecases.post(uow, receipt_id))


def reverse(uow: UnitOfWork, receipt_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, usecases.reverse(uow, receipt_id, **body))


def delete(uow: UnitOfWork, receipt_id: UUID) -> dict[str, Any]:
    shown = queries.shown(uow, [uow.read(StockReceipt, receipt_id)])[0]
    usecases.delete(uow, receipt_id)
    return shown


def get(uow: UnitOfWork, receipt_id: UUID) -> dict[str, Any]:
    return queries.shown(uow, [uow.read(StockReceipt, receipt_id)])[0]


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)


def _shown(uow: UnitOfWork, receipt: StockReceipt) -> dict[str, Any]:
    uow.flush()
    return queries.shown(uow, [receipt])[0]
