"""Hand-over slips over HTTP: contracts/orders/openapi/routes.yaml."""

from __future__ import annotations

from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.orders.kernel import Document
from services.orders.routes import queries, usecases
from services.orders.routes.slip import HandOverSlip


def search(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.search(uow, query)


def get(uow: UnitOfWork, slip_id: UUID) -> Document:
    return queries.document(uow, uow.read(HandOverSlip, slip_id).id)


def send(uow: UnitOfWork, body: Document) -> Document:
    return queries.document(uow, usecases.send(uow, **body).id)


def receive(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return queries.document(uow, usecases.receive(uow, slip_id, **body).id)


def refuse(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return queries.document(uow, usecases.refuse(uow, slip_id, **body).id)


def take_back(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return queries.document(uow, usecases.take_back(uow, slip_id, **body).id)


def report_lost(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return queries.document(uow, usecases.report_lost(uow, slip_id, **body).id)


def find(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return queries.document(uow, usecases.find(uow, slip_id, **body).id)


def send_back(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return queries.document(uow, usecases.send_back(uow, slip_id, **body).id)
