"""Erasures over HTTP: contracts/orders/openapi/erasures.yaml."""

from __future__ import annotations

from uuid import UUID

from chassis.db.uow import UnitOfWork
from services.orders.erasures import usecases
from services.orders.kernel import Document


def erase(uow: UnitOfWork, customer_id: UUID, body: Document) -> Document:
    erased = usecases.erase(uow, customer_id, **body)
    names = ("id", "name", "phones", "erased_at", "version")
    return {**{name: getattr(erased, name) for name in names}, "phone": None}
