"""Devices over HTTP."""

from __future__ import annotations

from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.orders.devices import queries, usecases, views
from services.orders.devices.device import Device
from services.orders.kernel import Document


def create(uow: UnitOfWork, body: Document) -> Document:
    return views.device(usecases.register(uow, **body))


def get(uow: UnitOfWork, device_id: UUID) -> Document:
    return views.device(uow.read(Device, device_id))


def update(uow: UnitOfWork, device_id: UUID, body: Document) -> Document:
    return views.device(usecases.change(uow, device_id, **body))


def search(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.search(uow, query)
