"""Labour rates over HTTP: one function per operation of contracts/finance/openapi/rates.yaml."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.finance.rates import queries, usecases, views
from services.finance.rates.labour_rate import LabourRate


def create(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return views.labour_rate(usecases.create(uow, **body))


def get(uow: UnitOfWork, labour_rate_id: UUID) -> dict[str, Any]:
    return views.labour_rate(uow.read(LabourRate, labour_rate_id))


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)


def change(uow: UnitOfWork, labour_rate_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return views.labour_rate(usecases.change(uow, labour_rate_id, **body))
