"""Which customers are the caller's (R-06); and by their id, for who may know it, those whom no unit serves yet (headquarters entered
them): the unit that names one serves him from then on."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, any_, func, select

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import UnknownReference
from chassis.domain.principal import HEADQUARTERS
from services.callcenter.customers.customer import Customer
from services.callcenter.customers.links import CUSTOMERS, CustomerLink
from services.callcenter.parameters import customers_scope


def sees_all(uow: UnitOfWork) -> bool:
    """Whether the caller sees all customers: headquarters, or everybody by the company's parameter."""
    return HEADQUARTERS.startswith(uow.principal.scope) or customers_scope(uow) == "company"


def of_served(uow: UnitOfWork, customer_id: Any) -> list[ColumnElement[bool]]:
    """The condition that a list begins with where no customer is named: the column has one whom the caller's unit serves. Asked first; as a
    join, or left to the policy alone, it would be behind everybody's rows."""
    if sees_all(uow):
        return []
    served = select(CustomerLink.customer_id).where(CustomerLink.unit_path == uow.principal.scope)
    return [customer_id == any_(func.array(served.scalar_subquery()))]


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
