"""HTTP functions of contracts/inventory/openapi/requisitions.yaml."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.inventory.requisitions import by_hand, queries, usecases
from services.inventory.requisitions.requisition import Requisition


def get(uow: UnitOfWork, requisition_id: UUID) -> dict[str, Any]:
    return _shown(uow, uow.read(Requisition, requisition_id))


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)


def create(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, by_hand.create(uow, **body))


def change(uow: UnitOfWork, requisition_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, by_hand.change(uow, requisition_id, **body))


def import_open(uow: UnitOfWork, requisition_id: UUID) -> dict[str, Any]:
    return _shown(uow, by_hand.import_open(uow, requisition_id))


def apply(uow: UnitOfWork, requisition_id: UUID) -> dict[str, Any]:
    return _shown(uow, by_hand.apply(uow, requisition_id))


def cancel(uow: UnitOfWork, requisition_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, by_hand.cancel(uow, requisition_id, **body))


def delete(uow: UnitOfWork, requisition_id: UUID) -> dict[str, Any]:
    shown = queries.shown(uow, [uow.read(Requisition, requisition_id)])[0]
    by_hand.delete(uow, requisition_id)
    return shown


def issue(uow: UnitOfWork, requisition_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, usecases.issue(uow, requisition_id, **body))


def give_back(uow: UnitOfWork, requisition_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, usecases.give_back(uow, requisition_id, **body))


def reserve(uow: UnitOfWork, requisition_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, usecases.reserve(uow, requisition_id, **body))


def reallot(uow: UnitOfWork, requisition_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, usecases.reallot(uow, requisition_id, **body))


def search_shortages(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.shortages(uow, query)


def _shown(uow: UnitOfWork, requisition: Requisition) -> dict[str, Any]:
    uow.flush()
    return queries.shown(uow, [requisition])[0]
