"""Erasing what says who a customer was (C-04)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Forbidden
from chassis.domain.masking import ERASED
from chassis.domain.principal import HEADQUARTERS
from services.orders.erasures.erasure import Erasure
from services.orders.erasures.errors import OpenDocuments
from services.orders.erasures.queries import open_documents
from services.orders.masters import CustomerCopy, alone


def erase(uow: UnitOfWork, customer_id: UUID, reason: str) -> CustomerCopy:
    """Documents and amounts stay. Everything that opens a document of a customer holds him first (masters/customers.py), and this
    waits to have him alone: what was opened before is seen and refuses (OpenDocuments), what comes after finds him erased. For
    headquarters only: a branch does not see the documents of others that stand in the way."""
    if not HEADQUARTERS.startswith(uow.principal.scope):
        raise Forbidden("erasing a person is headquarters' business")
    alone(uow, customer_id)
    customer = uow.get(CustomerCopy, customer_id)
    customer.require_not_erased()
    if waiting := open_documents(uow, customer_id):
        raise OpenDocuments(documents=waiting)
    uow.add(Erasure.of(customer_id, reason, uow.now))
    customer.erase(uow.now)
    uow.execute(text("SELECT forget_names(:customer, :word)"), {"customer": customer_id, "word": ERASED})
    return customer
