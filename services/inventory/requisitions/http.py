"""HTTP functions of contracts/inventory/openapi/requisitions.yaml."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.inventory.requisitions import queries, usecases
from services.inventory.requisitions.requisition import Requisition


def get(uow: UnitOfWork, requisition_id: UUID) -> dict[str, Any]:
    return _shown(uow, uow.read(Requisition, requisition_id))


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)


def issue(uow: UnitOfWork, requisition_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    issued = usecases.issue(uow, requisition_id, **body).requisition
    uow.flush()
    return _shown(uow, issued)


def search_shortages(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.shortages(uow, query)


def _shown(uow: UnitOfWork, requisition: Requisition) -> dict[str, Any]:
    return queries.shown(uow, [requisition])[0]
