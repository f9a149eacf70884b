"""Customers over HTTP: one function per operation of contracts/callcenter/openapi/customers.yaml."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.callcenter.customers import looking_up, queries, serving, usecases, views


def create(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    customer, known = usecases.create(uow, **body)
    return {**views.customer(customer, uow.principal), "warnings": views.warnings(known)}


def get(uow: UnitOfWork, customer_id: UUID) -> dict[str, Any]:
    return queries.document(uow, serving.shown(uow, customer_id))


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)


def change(uow: UnitOfWork, customer_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    customer, known = usecases.change(uow, customer_id, **body)
    return {**queries.document(uow, customer), "warnings": views.warnings(known)}


def look_up(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return {"items": [views.looked_up(found) for found in looking_up.look_up(uow, **body)]}


def take_in(uow: UnitOfWork, customer_id: UUID) -> dict[str, Any]:
    return queries.document(uow, usecases.take_in(uow, customer_id))
