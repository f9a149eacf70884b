"""Follow-ups over HTTP: one function per operation of contracts/callcenter/openapi/follow_ups.yaml."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.callcenter.follow_ups import queries, usecases, views
from services.callcenter.follow_ups.follow_up import FollowUp


def get(uow: UnitOfWork, follow_up_id: UUID) -> dict[str, Any]:
    return views.follow_up(uow.read(FollowUp, follow_up_id), uow.principal)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)


def solve(uow: UnitOfWork, follow_up_id: UUID) -> dict[str, Any]:
    return views.follow_up(usecases.solve(uow, follow_up_id), uow.principal)


def close(uow: UnitOfWork, follow_up_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return views.follow_up(usecases.close(uow, follow_up_id, **body), uow.principal)
