"""Reading the ledger: entries and balances, inside the caller's scope."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from chassis.domain.money import ZERO
from services.finance.kernel import DEFAULT_CURRENCY
from services.finance.ledger import views
from services.finance.ledger.account import Account
from services.finance.ledger.posting import Entry, Posting

_ENTRIES: Any = select(
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
_LISTING = Listing(
    _ENTRIES,
    sorts={
        "debit": func.greatest(Entry.amount, ZERO, type_=Entry.amount.type),
        "credit": func.greatest(-Entry.amount, ZERO, type_=Entry.amount.type),
    },
    default_sort="-posted_at",
    key=Entry.id,
    equal={**members(Entry, "account", "posting_id"), **members(Posting, "source", "source_id", "bill_id", "work_order_id")},
)
_BALANCES = (
    select(Entry.account, func.sum(Entry.amount).label("balance"))
    .join(Posting, Posting.id == Entry.posting_id)
    .where(Posting.currency == DEFAULT_CURRENCY)
    .group_by(Entry.account)
    .subquery()
)
_WITH_BALANCES: Any = select(
    Account.code,
    Account.number,
    Account.nature,
    Account.name_zh,
    Account.name_en,
    func.coalesce(_BALANCES.c.balance, ZERO).label("balance"),
).join(_BALANCES, _BALANCES.c.account == Account.code, isouter=True)
_ACCOUNTS = Listing(_WITH_BALANCES, default_sort="number", key=Account.code)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _LISTING.page(uow, query, views.entry)


def get(uow: UnitOfWork, entry_id: UUID) -> Row[Any]:
    found = uow.rows(_ENTRIES.where(Entry.id == entry_id))
    if not found:
        raise NotFound()
    return found[0]


def accounts(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """The catalogue with balances: what the caller's scope has posted, one currency (the company's)."""
    return _ACCOUNTS.page(uow, query, views.account)


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
