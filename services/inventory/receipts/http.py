"""HTTP functions of contracts/inventory/openapi/receipts.yaml."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.inventory.receipts import queries, usecases, views
from services.inventory.receipts.receipt import StockReceipt


def create(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return views.receipt(*usecases.post(uow, **body))


def get(uow: UnitOfWork, receipt_id: UUID) -> dict[str, Any]:
    receipt = uow.read(StockReceipt, receipt_id)
    return queries.shown(uow, [receipt])[0]


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)
