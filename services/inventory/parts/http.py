"""HTTP functions of contracts/inventory/openapi/parts.yaml."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.inventory.parts import queries, usecases, views
from services.inventory.parts.part import Part


def create(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return views.part(usecases.create(uow, **body))


def get(uow: UnitOfWork, part_id: UUID) -> dict[str, Any]:
    return views.part(uow.read(Part, part_id))


def change(uow: UnitOfWork, part_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return views.part(usecases.change(uow, part_id, **body))


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)
