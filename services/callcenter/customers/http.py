"""Customers over HTTP: one function per operation of contracts/callcenter/openapi/customers.yaml."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.callcenter.customers import queries, usecases, views
from services.callcenter.customers.customer import Customer


def create(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    customer, known = usecases.create(uow, **body)
    return {**views.customer(customer, uow.principal), "warnings": views.warnings(known)}


def get(uow: UnitOfWork, customer_id: UUID) -> dict[str, Any]:
    return queries.document(uow, uow.read(Customer, customer_id))


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)


def change(uow: UnitOfWork, customer_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    customer, known = usecases.change(uow, customer_id, **body)
    return {**queries.document(uow, customer), "warnings": views.warnings(known)}
