"""What can be done with customers."""

from collections.abc import Sequence
from uuid import UUID

from chassis.db.uow import UnitOfWork
from services.callcenter.customers.customer import Customer
from services.callcenter.customers.phones import normalise, normalise_all
from services.callcenter.customers.queries import owners
from services.callcenter.parameters import phone_region


def create(
    uow: UnitOfWork, name: str, phone: str | None = None, phones: Sequence[str] = ()
) -> tuple[Customer, list[Customer]]:
    """C-01, C-02. The new customer, and those already known under one of its numbers: a warning, no refusal."""
    customer = Customer.create(name, _numbers(uow, phone, phones))
    known = owners(uow, customer.phones)
    uow.add(customer)
    return customer, known


def change(
    uow: UnitOfWork,
    customer_id: UUID,
    name: str | None = None,
    phone: str | None = None,
    phones: Sequence[str] | None = None,
) -> tuple[Customer, list[Customer]]:
    """C-01. ``phones`` replaces all numbers, ``phone`` becomes the main one and keeps the others."""
    customer = uow.get(Customer, customer_id)
    before = customer.phones
    numbers = None
    if phone is not None or phones is not None:
        numbers = _numbers(uow, phone, before[1:] if phones is None else phones)
    customer.change(name, numbers)
    added = [number for number in customer.phones if number not in before]
    return customer, [other for other in owners(uow, added) if other.id != customer.id]


def _numbers(uow: UnitOfWork, phone: str | None, phones: Sequence[str]) -> list[str]:
    if phone is None and not phones:
        return []
    region = phone_region(uow)
    main = [] if phone is None else [normalise(phone, region)]
    return list(dict.fromkeys([*main, *normalise_all(phones, region)]))
