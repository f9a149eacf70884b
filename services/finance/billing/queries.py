"""Lists of bills and payments. Row-level security keeps them inside the caller's scope."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from chassis.http.paging import ListQuery
from services.finance.billing import views
from services.finance.billing.bill import Bill
from services.finance.billing.bill_line import BillLine
from services.finance.billing.credit import Credit
from services.finance.billing.payment import Payment
from services.finance.billing.refund import Refund
from services.finance.billing.reversal import Reversal

BILL_SORTS = {
    "created_at": Bill.created_at,
    "number": Bill.number,
    "issued_on": Bill.issued_on,
    "state": Bill.state,
    "customer_total": Bill.customer_total,
    "maker_total": Bill.maker_total,
    "open_amount": Bill.open_amount,
}
PAYMENT_SORTS = {
    "created_at": Payment.created_at,
    "number": Payment.number,
    "received_on": Payment.received_on,
    "method": Payment.method,
    "amount": Payment.amount,
}
REVERSAL_SORTS = {"created_at": Reversal.created_at, "number": Reversal.number}
CREDIT_SORTS = {"created_at": Credit.created_at, "balance": Credit.balance}
REFUND_SORTS = {"created_at": Refund.created_at, "number": Refund.number, "amount": Refund.amount}


def search_bills(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """Every item is the whole bill; the lines of a page are read at once."""
    statement = select(Bill)
    for name, value in query.filters.items():
        statement = statement.where(getattr(Bill, name) == value)
    found: list[Bill] = []

    def keep(bill: Bill) -> dict[str, Any]:
        found.append(bill)
        return {}

    page = uow.page(statement, query, sorts=BILL_SORTS, default_sort="-created_at", key=Bill.id, view=keep)
    lines = lines_of(uow, (bill.id for bill in found))
    return {**page, "items": [views.bill(bill, lines[bill.id], uow.principal) for bill in found]}


def search_payments(uow: UnitOfWork, query: ListQuery, bill_id: UUID | None = None) -> dict[str, Any]:
    """Payments, of one bill when it is given."""
    statement = select(Payment)
    filters = {**query.filters, **({"bill_id": bill_id} if bill_id else {})}
    if customer_id := filters.pop("customer_id", None):
        statement = statement.where(Payment.bill_id.in_(select(Bill.id).where(Bill.customer_id == customer_id)))
    for name, value in filters.items():
        statement = statement.where(getattr(Payment, name) == value)
    found: list[Payment] = []

    def keep(payment: Payment) -> dict[str, Any]:
        found.append(payment)
        return {}

    page = uow.page(
        statement, query, sorts=PAYMENT_SORTS, default_sort="-created_at", key=Payment.id, view=keep
    )
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
    return _search(uow, query, Reversal, REVERSAL_SORTS, views.reversal)


def search_credits(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``open=true`` leaves out what was used up."""
    wanted = {name: value for name, value in query.filters.items() if name != "open"}
    statement = select(Credit).where(*(getattr(Credit, name) == value for name, value in wanted.items()))
    if "open" in query.filters:
        statement = statement.where((Credit.balance > 0) == query.filters["open"])
    return uow.page(
        statement, query, sorts=CREDIT_SORTS, default_sort="-created_at", key=Credit.id, view=views.credit
    )


def search_refunds(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement = select(Refund)
    for name, value in query.filters.items():
        if name == "customer_id":
            statement = statement.where(Refund.credit_id.in_(select(Credit.id).where(Credit.customer_id == value)))
        else:
            statement = statement.where(getattr(Refund, name) == value)
    return uow.page(statement, query, sorts=REFUND_SORTS, default_sort="-created_at", key=Refund.id, view=views.refund)


def _search(uow: UnitOfWork, query: ListQuery, cls: Any, sorts: Any, view: Any) -> dict[str, Any]:
    statement = select(cls).where(*(getattr(cls, name) == value for name, value in query.filters.items()))
    return uow.page(statement, query, sorts=sorts, default_sort="-created_at", key=cls.id, view=view)
