"""Lists of bills and payments. Row-level security keeps them inside the caller's scope."""

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
from services.finance.billing.credit import Credit
from services.finance.billing.payment import Payment
from services.finance.billing.refund import Refund
from services.finance.billing.reversal import Reversal

_BILLS = Listing(
    select(Bill),
    default_sort="-created_at", key=Bill.id, equal=members(Bill, "work_order_id", "state", "site_id", "customer_id", "number"),
)  # fmt: skip
_PAYMENTS = Listing(
    select(Payment), default_sort="-created_at", key=Payment.id,
    equal=members(Payment, "bill_id", "work_order_id", "method", "received_on", "number"),
)  # fmt: skip
_REVERSALS = Listing(
    select(Reversal), sorts=beginnings(Reversal, "reason"), default_sort="-created_at", key=Reversal.id,
    equal=members(Reversal, "bill_id", "work_order_id", "number"),
)  # fmt: skip
_CREDITS = Listing(
    select(Credit), default_sort="-created_at", key=Credit.id,
    equal={**members(Credit, "work_order_id", "customer_id", "site_id"), "open": Credit.balance > 0},
)  # fmt: skip
_REFUNDS = Listing(
    select(Refund), default_sort="-created_at", key=Refund.id,
    equal=members(Refund, "credit_id", "work_order_id", "number"),
)  # fmt: skip


def search_bills(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """Every item is the whole bill; the lines of a page are read at once."""
    found: list[Bill] = []

    def view(bill: Bill) -> dict[str, Any]:
        found.append(bill)
        return {}

    page = _BILLS.page(uow, query, view)
    lines = lines_of(uow, (bill.id for bill in found))
    return {**page, "items": [views.bill(bill, lines[bill.id], uow.principal) for bill in found]}


def search_payments(uow: UnitOfWork, query: ListQuery, bill_id: UUID | None = None) -> dict[str, Any]:
    """Payments, of one bill when it is given."""
    where = [Payment.bill_id == bill_id] if bill_id else []
    if "customer_id" in query.filters:
        billed = select(Bill.id).where(Bill.customer_id == query.filters["customer_id"])
        where.append(Payment.bill_id.in_(billed))
    found: list[Payment] = []

    def view(payment: Payment) -> dict[str, Any]:
        found.append(payment)
        return {}

    page = _PAYMENTS.page(uow, query, view, *where)
    bills = (
        {bill.id: bill for bill in uow.find(Bill, Bill.id.in_({each.bill_id for each in found}))}
        if found
        else {}
    )
    return {**page, "items": [views.payment(each, bills[each.bill_id]) for each in found]}


def lines_of(uow: UnitOfWork, bill_ids: Iterable[UUID]) -> defaultdict[UUID, list[BillLine]]:
    """Lines by bill, in their order."""
    by_bill: defaultdict[UUID, list[BillLine]] = defaultdict(list)
    ids = list(bill_ids)
    for line in uow.find(BillLine, bill_id=ids, order_by=[BillLine.position]) if ids else ():
        by_bill[line.bill_id].append(line)
    return by_bill


def search_reversals(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _REVERSALS.page(uow, query, views.reversal)


def search_credits(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``open=true`` leaves out what was used up."""
    return _CREDITS.page(uow, query, lambda found: views.credit(found, uow.principal))


def search_refunds(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    where = []
    if "customer_id" in query.filters:
        owed = select(Credit.id).where(Credit.customer_id == query.filters["customer_id"])
        where.append(Refund.credit_id.in_(owed))
    return _REFUNDS.page(uow, query, views.refund, *where)
