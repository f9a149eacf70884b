"""Lists and searches of customers. They begin with the links of the caller's unit, or where he sees everybody with a mark: never with
customers below their policy (chassis/db/links.py)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, Uuid, any_, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from chassis import crypto
from chassis.db import cursors
from chassis.db.paging import Listing, ListQuery
from chassis.db.uow import UnitOfWork
from chassis.domain import folding
from chassis.domain.errors import BadCursor, TooManyToSort
from services.callcenter.customers import views
from services.callcenter.customers.customer import END, Customer, end_marks, line_marks, name_key, name_mark
from services.callcenter.customers.links import CUSTOMERS
from services.callcenter.customers.phones import normalise
from services.callcenter.customers.serving import of_served
from services.callcenter.parameters import phone_region
from services.callcenter.privacy import consents_of

SORTED_AT_MOST = 10_000
CURSOR = "customers.cursor"
NEWEST_FIRST = "-created_at"
_LIMIT = "_limit"
_LISTING = Listing(select(Customer), default_sort=NEWEST_FIRST, key=Customer.id)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """Filters ``phone`` (any form, whole or its last four digits; what cannot be read is refused) and ``q`` (beginning of the name).
    By their time of creation customers are read page by page; in another order those who have the marks are sorted, as many as fit."""
    marks = _marks(uow, query)
    sort = (query.sort or NEWEST_FIRST).removeprefix("-")
    if sort == "created_at" and not query.filters.keys() - {"phone", "q"}:
        return _by_creation(uow, query, marks)
    where = _among(uow, marks)
    if sort == "name":
        return by_name(uow, select(Customer).where(*where), query)
    found: list[Customer] = []

    def view(customer: Customer) -> dict[str, Any]:
        found.append(customer)
        return {}

    page = _LISTING.page(uow, query, view, *where)
    return {**page, "items": documents(uow, found)}


def _by_creation(uow: UnitOfWork, query: ListQuery, marks: list[int]) -> dict[str, Any]:
    sort = query.sort or NEWEST_FIRST
    after = None
    if query.cursor:
        at, id = cursors.decode(query.cursor, query.list, sort)
        after = cursors.typed(at, datetime), cursors.typed(id, UUID)
    upward = not sort.startswith("-")
    page = CUSTOMERS.page(marks, bindparam(_LIMIT, type_=Integer()), after, upward)
    order = [column if upward else column.desc() for column in (page.c.created_at, page.c.id)]
    rows = uow.rows(select(Customer).join(page, page.c.id == Customer.id).order_by(*order), {_LIMIT: query.limit + 1})
    found = list(uow.instances(Customer, rows[: query.limit]))
    answer: dict[str, Any] = {"items": documents(uow, found), "next_cursor": None}
    if len(rows) > query.limit:
        answer["next_cursor"] = cursors.encode(query.list, sort, found[-1].created_at, found[-1].id)
    if query.total:
        answer["total"] = CUSTOMERS.count(uow, marks)
    return answer


def _among(uow: UnitOfWork, marks: list[int]) -> list[ColumnElement[bool]]:
    """The condition that a list in another order begins with. Raises TooManyToSort."""
    if marks:
        ids = [row.id for row in uow.rows(CUSTOMERS.ids(marks, SORTED_AT_MOST + 1))]
        if len(ids) > SORTED_AT_MOST:
            raise TooManyToSort(limit=SORTED_AT_MOST)
        return [Customer.id == any_(literal(ids, ARRAY(Uuid)))]
    return of_served(uow, Customer.id)


def _marks(uow: UnitOfWork, query: ListQuery) -> list[int]:
    """What is looked for; the number first, which fewer have."""
    marks = _phoned(uow, query.filters["phone"]) if "phone" in query.filters else []
    key = name_key(query.q or "")
    return [*marks, name_mark(key)] if key else marks


def _phoned(uow: UnitOfWork, typed: str) -> list[int]:
    digits = folding.identifier(typed)
    if len(digits) == END and digits.isascii() and digits.isdigit():
        return end_marks([digits])
    return line_marks([normalise(typed, phone_region(uow))])


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
