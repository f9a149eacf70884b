"""Customers by their id, for who may know it: whom no unit serves yet (headquarters entered him), the unit that names him serves from
then on (R-06)."""

from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import UnknownReference
from services.callcenter.customers.customer import Customer
from services.callcenter.customers.links import CUSTOMERS


def shown(uow: UnitOfWork, customer_id: UUID) -> Customer:
    """To be read; changes nothing, so whom nobody serves is shown and nobody's yet. Raises NotFound."""
    CUSTOMERS.by_id(uow, customer_id)
    return uow.read(Customer, customer_id)


def served(uow: UnitOfWork, customer_id: UUID) -> Customer:
    """By the id in the path, locked. Raises NotFound, StaleVersion."""
    _find(uow, customer_id)
    return uow.get(Customer, customer_id)


def reference(uow: UnitOfWork, customer_id: Any) -> Customer:
    """By the member customer_id of a body, locked, so that nothing is written about one who is being erased. Raises UnknownReference,
    CustomerErased."""
    found = _find(uow, UUID(customer_id))
    if found is None:
        raise UnknownReference("customer_id")
    found.require_not_erased()
    return found


def _find(uow: UnitOfWork, customer_id: UUID) -> Customer | None:
    found = uow.one(Customer, id=customer_id, lock=True)
    if found is None and CUSTOMERS.link(uow, customer_id):
        found = uow.one(Customer, id=customer_id, lock=True)
    return found
