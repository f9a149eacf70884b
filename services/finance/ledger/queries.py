"""Reading the ledger: entries and balances, inside the caller's scope."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Uuid, bindparam, func, select

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.statements import Fixed
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from chassis.domain.money import ZERO
from services.finance.ledger import views
from services.finance.ledger.account import Account
from services.finance.ledger.balance import AccountBalance, PartyBalance
from services.finance.ledger.open_item import OpenItem
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
    Posting.site_id,
    Entry.account,
    Entry.party_id,
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
    equal={**members(Entry, "account", "posting_id", "party_id"), **members(Posting, "source", "source_id", "bill_id", "work_order_id")},
)
_BALANCES = select(AccountBalance.account, func.sum(AccountBalance.amount).label("balance")).group_by(AccountBalance.account).subquery()
_WITH_BALANCES: Any = select(
    *Account.__table__.columns, func.coalesce(_BALANCES.c.balance, ZERO, type_=AccountBalance.amount.type).label("balance")
).join(_BALANCES, _BALANCES.c.account == Account.code, isouter=True)
_ACCOUNTS = Listing(_WITH_BALANCES, default_sort="number", key=Account.id, equal={**members(Account, "method", "system", "active"), "code": Account.code_key})
_OF_PARTY = Fixed(
    select(PartyBalance.account, func.sum(PartyBalance.amount).label("balance"))
    .where(PartyBalance.party_id == bindparam("party_id", type_=Uuid()))
    .group_by(PartyBalance.account)
    .order_by(PartyBalance.account)
)
_ITEMS = Listing(
    select(OpenItem), default_sort="-created_at", key=OpenItem.id,
    equal={
        **members(OpenItem, "side", "payer", "party_id", "work_order_id", "site_id", "document_type", "document_id"),
        "open": OpenItem.open_amount > 0,
    },
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _LISTING.page(uow, query, views.entry)


def get(uow: UnitOfWork, entry_id: UUID) -> Row[Any]:
    found = uow.rows(_ENTRIES.where(Entry.id == entry_id))
    if not found:
        raise NotFound()
    return found[0]


def accounts(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """The chart with balances: what the caller's scope has posted, one currency (the company's)."""
    return _ACCOUNTS.page(uow, query, views.account)


def account(uow: UnitOfWork, account_id: UUID) -> Row[Any]:
    found = uow.rows(_WITH_BALANCES.where(Account.id == account_id))
    if not found:
        raise NotFound()
    return found[0]


def balances_of(uow: UnitOfWork, party_id: UUID) -> list[dict[str, Any]]:
    """What stands in a party's accounts, of the caller's scope."""
    rows = uow.rows(_OF_PARTY, {"party_id": party_id})
    return [{"account": row.account, "balance": row.balance} for row in rows if row.balance]


def open_items(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``open=true`` leaves out what is settled."""
    return _ITEMS.page(uow, query, views.open_item)


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
