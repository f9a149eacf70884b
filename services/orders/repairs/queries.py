"""Lists, search and timeline of work orders: plain selects, all below row-level security."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
)

from chassis.db.folded import begins_with
from chassis.db.paging import Listing, ListQuery, beginnings, members
from chassis.db.tables import journal
from chassis.db.uow import UnitOfWork
from chassis.domain import custody, folding
from chassis.domain.errors import NotFound
from services.orders.devices import Device, of_serial
from services.orders.kernel import Document
from services.orders.masters import (
    FEWEST_DIGITS,
    CustomerCopy,
    Product,
    owners,
    typed_digits,
)
from services.orders.repairs import loading, views
from services.orders.repairs.quote import Quote, QuoteLine
from services.orders.repairs.records import SearchToken, TimelineEntry
from services.orders.repairs.search import Word, wanted
from services.orders.repairs.sections import HandOver, Sections
from services.orders.repairs.settings import uncollected_days
from services.orders.repairs.states import State
from services.orders.repairs.views import Reader
from services.orders.repairs.work_order import WorkOrder
from services.orders.texts import codes_of

_WHOLE = select(*WorkOrder.__table__.columns, *loading.names(WorkOrder))
_MEMBERS = tuple(_WHOLE.selected_columns.keys())
_RECEIVED_BY = (
    select(func.left(HandOver.received_by, 100, type_=Text())).where(HandOver.work_order_id == WorkOrder.id).scalar_subquery()
)
_LISTING = Listing(
    _WHOLE, sorts={**beginnings(WorkOrder, "problem", "work_done", "cancel_reason"), "received_by": _RECEIVED_BY},
    default_sort="-created_at", key=WorkOrder.id,
    equal=members(
        WorkOrder, "state", "site_id", "held_site_id", "bound_site_id", "external_id", "kind", "channel", "customer_id", "dealer_id", "device_id", "technician_id",
        "origin", "source", "waiting_for", "coverage",
    ),
)  # fmt: skip


def document(uow: UnitOfWork, order: WorkOrder, language: str) -> Document:
    """The whole document of an order at hand."""
    return views.work_order(order, order.sections, loading.names_of(uow, order), Reader(uow.principal, language))


def search(uow: UnitOfWork, query: ListQuery, language: str, *some: ColumnElement[bool]) -> Document:
    """R-11. Each item is the whole document. ``some``: only orders for which this holds."""
    reader = Reader(uow.principal, language)
    conditions = list(some)
    if "category" in query.filters:
        made = select(Product.id).where(Product.category == query.filters["category"])
        conditions.append(WorkOrder.product_id.in_(made))
    if "uncollected" in query.filters:
        late = uow.now - timedelta(days=uncollected_days(uow))
        uncollected = and_(WorkOrder.state == State.READY, WorkOrder.ready_at <= late)
        conditions.append(uncollected if query.filters["uncollected"] else not_(uncollected))
    if query.q:
        conditions.append(_matching(uow, query.q))

    def view(rows: Sequence[Any]) -> list[Document]:
        orders = [_order(row) for row in rows]
        sections = loading.of_page(uow, orders)
        # One that moved out of sight between the two statements is shown as it was found, without its sections.
        return [views.work_order(order, sections.get(order.id) or Sections(), order, reader) for order in orders]

    return _LISTING.page(uow, query, view, *conditions, whole=True)


class _Order(SimpleNamespace):
    """A row of the list, of which actions are told as of the aggregate."""

    sides = custody.sides


def _order(row: Any) -> Any:
    order: Any = _Order()  # a row looks each name up: fifty of them, fifty times
    order.__dict__.update(zip(_MEMBERS, row, strict=False))
    return order


def _matching(uow: UnitOfWork, q: str) -> ColumnElement[bool]:
    """Orders whose number, customer's phone or serial begins with ``q``, whose serial ends so, or whose problem has all its words. Outside accounts
    (G-10) are shown no phone and find none.

    What finds nothing at all is left out first, by a look into each index. Of one way left (nearly always) PostgreSQL can
    then choose: from the matches to the orders where they are few, or down the sorted orders where nearly all match.
    """
    ways: list[tuple[Select[Any], list[ColumnElement[bool]]]] = []
    if key := folding.words(q):
        number = begins_with(WorkOrder.number, key.upper())
        ways.append((select(WorkOrder.id).where(number), [number]))
        serials = select(Device.id).where(of_serial(q))
        ways.append((serials, [WorkOrder.device_id.in_(serials)]))
    if not uow.principal.is_outside and len(digits := typed_digits(q) or "") >= FEWEST_DIGITS:
        callers = owners(uow, digits)
        ways.append((callers, [WorkOrder.customer_id.in_(callers)]))
    for all_of in wanted(q):
        words = [select(SearchToken.work_order_id).where(_is(word)) for word in all_of]
        ways.append((words[0], [WorkOrder.id.in_(word) for word in words]))
    if not ways:
        return literal(False)
    found = uow.rows(select(*(exists(look) for look, _ in ways)))[0]
    left = [and_(*conditions) for (_, conditions), any_ in zip(ways, found, strict=True) if any_]
    if len(left) < 2:
        return left[0] if left else literal(False)
    return WorkOrder.id.in_(union_all(*(select(WorkOrder.id).where(way) for way in left)))


def _is(word: Word) -> ColumnElement[bool]:
    return SearchToken.token == word.text if word.whole else begins_with(SearchToken.token, word.text)


NEEDS_RIGHT = {
    "payment.received": "finance.payment.read",
    "payment.reversed": "finance.payment.read",
    "refund.paid": "finance.refund.read",
    "bill.changed": "finance.bill.read",  # what is still open tells what was paid
}
"""Entries of a timeline that are for those with a right of their own."""


def timeline(uow: UnitOfWork, work_order_id: UUID, query: ListQuery, language: str) -> Document:
    """Orders' journal and what other services told about the order, oldest first."""
    if uow.scalar(select(WorkOrder.id).where(WorkOrder.id == work_order_id)) is None:
        raise NotFound()
    own = select(
        func.concat("j", func.lpad(cast(journal.c.id, String), 19, "0")).label("key"),
        journal.c.at.label("at"),
        func.concat("work_order.", journal.c.action).label("type"),
        literal("orders").label("source"),
        journal.c.actor.label("actor"),
        journal.c.state_before.label("state_before"),
        journal.c.state_after.label("state_after"),
        journal.c.why.label("why"),
        journal.c.data.label("data"),
    ).where(journal.c.entity_id == work_order_id)
    foreign = select(
        func.concat("t", func.lpad(cast(TimelineEntry.id, String), 19, "0")),
        TimelineEntry.at,
        TimelineEntry.type,
        TimelineEntry.source,
        TimelineEntry.actor,
        null(),
        null(),
        null(),
        TimelineEntry.data,
    ).where(TimelineEntry.work_order_id == work_order_id)
    entries = union_all(own, foreign).subquery()

    statement, view = select(entries), partial(views.entry, language=language)
    if uow.principal.is_outside:
        passed = or_(entries.c.type != "work_order.check", entries.c.state_after == State.READY)
        ended = or_(entries.c.type != "work_order.cancel", entries.c.state_after == State.CANCELLED)
        statement = statement.where(entries.c.type.in_(codes_of("outside")), passed, ended)
        view = partial(views.outside_entry, language=language)
    elif hidden := [kind for kind, right in NEEDS_RIGHT.items() if not uow.principal.may(right)]:
        statement = statement.where(entries.c.type.not_in(hidden))
    page = Listing(statement, default_sort="at", key=entries.c.key, written=False).page(uow, query, view)
    _named_customers(uow, page)
    return page


def _named_customers(uow: UnitOfWork, page: Document) -> None:
    """Who the customers of corrections are today: the journal has their ids only, so nobody's name outlives him there (C-04)."""
    changes = [
        change
        for item in page["items"]
        for change in item.get("data", {}).get("changes", ())
        if change["field"] == "customer_id"
    ]
    ids = {UUID(id) for change in changes for id in (change["from"], change["to"]) if id}
    names = {str(one.id): one.name for one in uow.find(CustomerCopy, CustomerCopy.id.in_(ids))} if ids else {}
    for change in changes:
        change |= {f"{end}_name": names.get(change[end]) for end in ("from", "to")}


def quotes(uow: UnitOfWork, work_order_id: UUID) -> Document:
    """Every version, newest first."""
    uow.read(WorkOrder, work_order_id)
    found = uow.find(Quote, work_order_id=work_order_id, order_by=[Quote.version.desc()])
    lines = uow.find(QuoteLine, work_order_id=work_order_id, order_by=[QuoteLine.position])
    for quote in found:
        quote.lines = [line for line in lines if line.version == quote.version]
    return {"items": [views.quote(quote) for quote in found]}
