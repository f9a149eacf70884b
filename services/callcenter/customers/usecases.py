"""What can be done with customers."""

from collections.abc import Sequence
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from services.callcenter.customers import looking_up
from services.callcenter.customers.customer import Customer
from services.callcenter.customers.links import CUSTOMERS
from services.callcenter.customers.looking_up import Found
from services.callcenter.customers.phones import normalise, normalise_all
from services.callcenter.customers.serving import served
from services.callcenter.parameters import phone_region


def create(uow: UnitOfWork, name: str, phone: str | None = None, phones: Sequence[str] = ()) -> tuple[Customer, list[Found]]:
    """C-01, C-02. The new customer, whom the caller's unit serves (none at headquarters), and those already known under one of its
    numbers: a warning, no refusal."""
    customer = Customer.create(name, _numbers(uow, phone, phones), uow.principal.scope)
    known = looking_up.known(uow, customer.phones)
    uow.add(customer)
    CUSTOMERS.mark(uow, customer.id, (), customer.marks)
    return customer, known


def take_in(uow: UnitOfWork, customer_id: UUID) -> Customer:
    """R-06. The caller's unit serves the customer from now on: one whom nobody serves, or whom it looked up within the last day."""
    if not CUSTOMERS.link(uow, customer_id):
        raise NotFound()
    return uow.get(Customer, customer_id)


def change(
    uow: UnitOfWork,
    customer_id: UUID,
    name: str | None = None,
    phone: str | None = None,
    phones: Sequence[str] | None = None,
) -> tuple[Customer, list[Found]]:
    """C-01. ``phones`` replaces all numbers, ``phone`` becomes the main one and keeps the others."""
    customer = served(uow, customer_id)
    before, former = customer.phones, customer.marks
    numbers = None
    if phone is not None or phones is not None:
        numbers = _numbers(uow, phone, before[1:] if phones is None else phones)
    fields = customer.change(name, numbers)
    customer.note_change(fields, uow.principal.scope, uow.actor)
    if fields:
        CUSTOMERS.mark(uow, customer.id, former, customer.marks)
    added = [number for number in customer.phones if number not in before]
    return customer, [other for other in looking_up.known(uow, added) if other.id != customer.id]


def _numbers(uow: UnitOfWork, phone: str | None, phones: Sequence[str]) -> list[str]:
    if phone is None and not phones:
        return []
    region = phone_region(uow)
    main = [] if phone is None else [normalise(phone, region)]
    return list(dict.fromkeys([*main, *normalise_all(phones, region)]))
