"""Lists and searches of customers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, any_, func, or_, select, true

from chassis import crypto
from chassis.db import cursors
from chassis.db.paging import Listing, ListQuery
from chassis.db.uow import UnitOfWork
from chassis.domain import folding
from chassis.domain.errors import BadCursor, TooManyToSort
from services.callcenter.customers import views
from services.callcenter.customers.customer import END, Customer, end_marks, name_key, name_mark, phone_marks
from services.callcenter.customers.phones import normalise
from services.callcenter.parameters import phone_region
from services.callcenter.privacy import consents_of

MATCHES = 20
SORTED_AT_MOST = 10_000
CURSOR = "customers.cursor"
_LISTING = Listing(select(Customer), default_sort="-created_at", key=Customer.id)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """Filters ``phone`` (any form, whole or its last four digits; what cannot be read is refused) and ``q`` (beginning of the name)."""
    where = []
    if "phone" in query.filters:
        where.append(_phoned(uow, query.filters["phone"]))
    if query.q:
        where.append(named(query.q))
    if (query.sort or "").removeprefix("-") == "name":
        return by_name(uow, select(Customer).where(*where), query)
    found: list[Customer] = []

    def view(customer: Customer) -> dict[str, Any]:
        found.append(customer)
        return {}

    page = _LISTING.page(uow, query, view, *where)
    return {**page, "items": documents(uow, found)}


def document(uow: UnitOfWork, customer: Customer) -> dict[str, Any]:
    """The whole customer, as the caller may see it."""
    return documents(uow, [customer])[0]


def documents(uow: UnitOfWork, customers: Sequence[Customer]) -> list[dict[str, Any]]:
    """The same of many; their consents are read at once."""
    consents = consents_of(uow, [one.id for one in customers])
    return [views.customer(one, uow.principal, consents.get(one.id, ())) for one in customers]


def by_name(uow: UnitOfWork, statement: Select[Any], query: ListQuery) -> dict[str, Any]:
    """A page in the order of names. The database cannot read them, so they are sorted here, as many as fit: above that the
    caller is asked to narrow the search."""
    rows = uow.rows(statement.limit(SORTED_AT_MOST + 1))
    if len(rows) > SORTED_AT_MOST:
        raise TooManyToSort(limit=SORTED_AT_MOST)
    found = list(uow.instances(Customer, rows))
    sort = str(query.sort)
    found.sort(key=_place, reverse=sort.startswith("-"))
    if query.cursor:
        sealed, id = cursors.decode(query.cursor, query.list, sort)
        last = (_opened(sealed), str(cursors.typed(id, UUID)))
        found = [one for one in found if (_place(one) < last if sort.startswith("-") else _place(one) > last)]
    page = found[: query.limit]
    answer: dict[str, Any] = {"items": documents(uow, page), "next_cursor": None}
    if len(found) > query.limit:
        name = crypto.seal(page[-1].name.encode(), CURSOR).hex()  # cursors stand in addresses, and those in logs
        answer["next_cursor"] = cursors.encode(query.list, sort, name, page[-1].id)
    if query.total:
        answer["total"] = uow.scalar(select(func.count()).select_from(statement.subquery()))
    return answer


def _place(customer: Customer) -> tuple[str, str]:
    return customer.name, str(customer.id)


def _opened(sealed: Any) -> str:
    try:
        return crypto.open(bytes.fromhex(sealed), CURSOR).decode()
    except (crypto.Unopenable, ValueError, TypeError):
        raise BadCursor() from None


def owners(uow: UnitOfWork, numbers: Sequence[str]) -> list[Customer]:
    """Who is known under any of the numbers, oldest first."""
    if not numbers:
        return []
    return uow.find(Customer, or_(*map(has_phone, numbers)), order_by=[Customer.id], limit=MATCHES)


def has_phone(number: str) -> ColumnElement[bool]:
    """Customers with this E.164 number; served by the index on the marks. Looked up first, in a query of its own: PostgreSQL
    takes what is in no two rows for common, and would go down the sorted list to meet it."""
    return _marked(phone_marks([number]))


def _phoned(uow: UnitOfWork, typed: str) -> ColumnElement[bool]:
    digits = folding.identifier(typed)
    if len(digits) == END and digits.isascii() and digits.isdigit():
        return _marked(end_marks([digits]))
    return has_phone(normalise(typed, phone_region(uow)))


def _marked(marks: list[int]) -> ColumnElement[bool]:
    known = select(Customer.id).where(Customer.phone_marks.contains(marks))
    return Customer.id == any_(func.array(known.scalar_subquery()))


def named(beginning: str) -> ColumnElement[bool]:
    """Customers whose name begins so; served by the index on the marks."""
    key = name_key(beginning)
    return Customer.name_marks.contains([name_mark(key)]) if key else true()
