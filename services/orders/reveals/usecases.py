"""Whom the customer's number of an order is shown to (C-04)."""

from __future__ import annotations

from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import BadTransition, Forbidden
from services.orders.masters import CustomerCopy, Technician
from services.orders.repairs import State, WorkOrder
from services.orders.reveals.reveal import Reveal

DISPATCH = "orders.work_order.assign"
CLOSED = {State.AUDITED, State.CANCELLED}


def reveal_phone(uow: UnitOfWork, work_order_id: UUID) -> CustomerCopy | None:
    """The order's customer, his numbers whole; None when the order has none. Written down here, in the order's history and, by the
    event, in the log of disclosures. A technician is shown the customers of his own orders (Forbidden), who dispatches those of all
    he sees. A closed order gives no reason to call any more: BadTransition."""
    order = uow.read(WorkOrder, work_order_id)
    if order.state in CLOSED:
        raise BadTransition(order.state, order.machine.allowed(order, uow.principal), "reveal-phone")
    if not uow.principal.may(DISPATCH) and not _is_technician_of(uow, order):
        raise Forbidden("the order is another technician's")
    if order.customer_id is None:
        return None
    customer = uow.reference(CustomerCopy, order.customer_id, "customer_id")
    uow.add(Reveal.of(order, customer.id))
    entry = {"entity": WorkOrder.__tablename__, "entity_id": order.id, "org_path": order.org_path, "at": uow.now}
    uow.insert_row("journal", {**entry, "action": "reveal-phone", "actor": uow.actor})
    return customer


def _is_technician_of(uow: UnitOfWork, order: WorkOrder) -> bool:
    if order.technician_id is None:
        return False
    technician = uow.one(Technician, id=order.technician_id)
    return technician is not None and technician.username == uow.principal.username
