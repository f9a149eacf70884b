"""Reveals over HTTP: contracts/orders/openapi/reveals.yaml."""

from __future__ import annotations

from uuid import UUID

from chassis.db.uow import UnitOfWork
from services.orders.kernel import Document
from services.orders.reveals import usecases


def reveal_phone(uow: UnitOfWork, work_order_id: UUID) -> Document:
    customer = usecases.reveal_phone(uow, work_order_id)
    return {
        "customer_id": customer.id if customer else None,
        "name": customer.name if customer else None,
        "phones": customer.phones if customer else [],
    }
