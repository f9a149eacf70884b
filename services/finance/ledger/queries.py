"""Reading the ledger: entries and balances, inside the caller's scope."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from chassis.domain.money import ZERO
from chassis.http.paging import ListQuery
from services.finance.kernel import DEFAULT_CURRENCY
from services.finance.ledger import views
from services.finance.ledger.account import Account
from services.finance.ledger.posting import Entry, Posting

SORTS = {"posted_at": Posting.posted_at, "account": Entry.account, "amount": Entry.amount}
FILTERS = {
    "account": Entry.account,
    "posting_id": Entry.posting_id,
    "source": Posting.source,
    "source_id": Posting.source_id,
    "bill_id": Posting.bill_id,
    "work_order_id": Posting.work_order_id,
}


def _entries() -> Any:
    return select(
        Entry.id,
        Entry.posting_id,
        Posting.posted_at,
        Posting.posted_by,
        Posting.source,
        Posting.source_id,
        Posting.reference,
        Posting.bill_id,
        Posting.work_order_id,
        Entry.account,
        Posting.currency,
        Entry.amount,
    ).join(Posting, Posting.id == Entry.posting_id)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement = _entries()
    for name, value in query.filters.items():
        statement = statement.where(FILTERS[name] == value)
    return uow.page(statement, query, sorts=SORTS, default_sort="-posted_at", key=Entry.id, view=views.entry)


def get(uow: UnitOfWork, entry_id: UUID) -> Row[Any]:
    found = uow.rows(_entries().where(Entry.id == entry_id))
    if not found:
        raise NotFound()
    return found[0]


def accounts(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """The catalogue with balances: what the caller's scope has posted, one currency (the company's)."""
    balances = (
        select(Entry.account, func.sum(Entry.amount).label("balance"))
        .join(Posting, Posting.id == Entry.posting_id)
        .where(Posting.currency == DEFAULT_CURRENCY)
        .group_by(Entry.account)
        .subquery()
    )
    statement: Any = select(
        Account.code,
        Account.number,
        Account.nature,
        Account.name_zh,
        Account.name_en,
        func.coalesce(balances.c.balance, ZERO).label("balance"),
    ).join(balances, balances.c.account == Account.code, isouter=True)
    sorts = {"number": Account.number, "code": Account.code}
    return uow.page(
        statement, query, sorts=sorts, default_sort="number", key=Account.code, view=views.account
    )


def unbalanced(uow: UnitOfWork, since: datetime) -> int:
    """Postings since then whose entries are not all there or do not sum to zero."""
    wrong = (
        select(Posting.id)
        .outerjoin(Entry, Entry.posting_id == Posting.id)
        .where(Posting.posted_at >= since)
        .group_by(Posting.id, Posting.entry_count)
        .having((func.coalesce(func.sum(Entry.amount), 0) != 0) | (func.count(Entry.id) != Posting.entry_count))
    )
    return int(uow.scalar(select(func.count()).select_from(wrong.subquery())))
