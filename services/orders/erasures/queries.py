"""What of a customer is still open: his orders here, their bills and revisits as finance and customer service reported them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from services.orders.kernel import Document
from services.orders.repairs import Bill, Revisit, State, WorkOrder

CLOSED = (State.AUDITED, State.CANCELLED)
NAMED = 20
"""So many of each kind are named in the refusal."""


def open_documents(uow: UnitOfWork, customer_id: UUID) -> list[Document]:
    """Oldest first by kind; a revisit is named by its order's number."""
    mine = select(WorkOrder.id).where(WorkOrder.customer_id == customer_id)
    orders = select(WorkOrder.id, WorkOrder.number, WorkOrder.state).where(
        WorkOrder.customer_id == customer_id, WorkOrder.state.not_in(CLOSED)
    )
    bills = select(Bill.id, Bill.number, Bill.state).where(Bill.work_order_id.in_(mine), Bill.open_amount > 0)
    revisits = (
        select(Revisit.id, WorkOrder.number)
        .join(WorkOrder, WorkOrder.id == Revisit.work_order_id)
        .where(WorkOrder.customer_id == customer_id, Revisit.recorded.is_(False))
    )
    found = [_named("work_order", row, row.state) for row in _oldest(uow, orders, WorkOrder.id)]
    found += [_named("bill", row, row.state) for row in _oldest(uow, bills, Bill.id)]
    return found + [_named("revisit", row, "open") for row in _oldest(uow, revisits, Revisit.id)]


def _oldest(uow: UnitOfWork, wanted: Any, key: Any) -> Any:
    return uow.rows(wanted.order_by(key).limit(NAMED))


def _named(kind: str, row: Any, state: str) -> Document:
    return {"kind": kind, "id": row.id, "number": row.number, "state": state}
