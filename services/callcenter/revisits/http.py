"""Revisit tasks over HTTP: one function per operation of contracts/callcenter/openapi/revisits.yaml."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.callcenter.revisits import queries, usecases, views
from services.callcenter.revisits.revisit import Revisit


def get(uow: UnitOfWork, revisit_id: UUID) -> dict[str, Any]:
    return views.revisit(uow.read(Revisit, revisit_id), uow.principal)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)


def record(uow: UnitOfWork, revisit_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return views.revisit(usecases.record(uow, revisit_id, **body), uow.principal)
