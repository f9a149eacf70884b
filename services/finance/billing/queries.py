"""Lists of bills and reversals. Row-level security keeps them inside the caller's scope."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery, beginnings, members
from chassis.db.uow import UnitOfWork
from services.finance.billing import views
from services.finance.billing.bill import Bill
from services.finance.billing.bill_line import BillLine
from services.finance.billing.reversal import Reversal
from services.finance.ledger import OpenItem

_BILLS = Listing(
    select(Bill),
    default_sort="-created_at", key=Bill.id, equal=members(Bill, "work_order_id", "state", "site_id", "customer_id", "number"),
)  # fmt: skip
_REVERSALS = Listing(
    select(Reversal), sorts=beginnings(Reversal, "reason"), default_sort="-created_at", key=Reversal.id,
    equal=members(Reversal, "bill_id", "work_order_id", "number"),
)  # fmt: skip


def search_bills(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """Every item is the whole bill; lines and open items of a page are read at once."""
    found: list[Bill] = []

    def view(bill: Bill) -> dict[str, Any]:
        found.append(bill)
        return {}

    page = _BILLS.page(uow, query, view)
    ids = [bill.id for bill in found]
    lines, owed = lines_of(uow, ids), owed_for(uow, ids)
    return {**page, "items": [views.bill(bill, lines[bill.id], owed[bill.id], uow.principal) for bill in found]}


def lines_of(uow: UnitOfWork, bill_ids: Iterable[UUID]) -> defaultdict[UUID, list[BillLine]]:
    """Lines by bill, in their order."""
    by_bill: defaultdict[UUID, list[BillLine]] = defaultdict(list)
    ids = list(bill_ids)
    for line in uow.find(BillLine, bill_id=ids, order_by=[BillLine.position]) if ids else ():
        by_bill[line.bill_id].append(line)
    return by_bill


def owed_for(uow: UnitOfWork, bill_ids: Iterable[UUID]) -> defaultdict[UUID, list[OpenItem]]:
    """What is owed for each bill, by whom: not for outside accounts, which are shown their own part alone (G-10)."""
    by_bill: defaultdict[UUID, list[OpenItem]] = defaultdict(list)
    ids = [] if uow.principal.is_outside else list(bill_ids)
    for item in uow.find(OpenItem, document_type="bill", document_id=ids, order_by=["id"]) if ids else ():
        by_bill[item.document_id].append(item)
    return by_bill


def search_reversals(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _REVERSALS.page(uow, query, views.reversal)
