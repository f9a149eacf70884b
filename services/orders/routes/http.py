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
    return _shown(uow, uow.read(HandOverSlip, slip_id))


def send(uow: UnitOfWork, body: Document) -> Document:
    return _shown(uow, usecases.send(uow, **body))


def receive(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return _shown(uow, usecases.receive(uow, slip_id, **body))


def refuse(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return _shown(uow, usecases.refuse(uow, slip_id, **body))


def take_back(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return _shown(uow, usecases.take_back(uow, slip_id, **body))


def report_lost(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return _shown(uow, usecases.report_lost(uow, slip_id, **body))


def find(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return _shown(uow, usecases.find(uow, slip_id, **body))


def send_back(uow: UnitOfWork, slip_id: UUID, body: Document) -> Document:
    return _shown(uow, usecases.send_back(uow, slip_id, **body))


def _shown(uow: UnitOfWork, slip: HandOverSlip) -> Document:
    return queries.shown(uow, [slip])[0]
