"""Lists of payments, credits and refunds. Row-level security keeps them inside the caller's scope."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from services.finance.billing import Bill
from services.finance.ledger import Allocation, OpenItem, Side
from services.finance.receivables import views
from services.finance.receivables.payment import Payment
from services.finance.receivables.refund import Refund

_PAYMENTS = Listing(
    select(Payment), default_sort="-created_at", key=Payment.id,
    equal=members(Payment, "bill_id", "work_order_id", "payer", "party_id", "method", "account_code", "received_on", "number"),
)  # fmt: skip
_CREDITS = Listing(
    select(OpenItem).where(OpenItem.side == Side.PAYABLE), sorts={"balance": OpenItem.open_amount, "customer_id": OpenItem.party_id},
    default_sort="-created_at", key=OpenItem.id,
    equal={
        **members(OpenItem, "work_order_id", "site_id", "payer", "party_id"), "customer_id": OpenItem.party_id, "open": OpenItem.open_amount > 0,
    },
)  # fmt: skip
_REFUNDS = Listing(
    select(Refund), default_sort="-created_at", key=Refund.id,
    equal=members(Refund, "credit_id", "work_order_id", "number"),
)  # fmt: skip


def search_payments(uow: UnitOfWork, query: ListQuery, bill_id: UUID | None = None) -> dict[str, Any]:
    """Payments, of one bill when it is given; what they settled is read at once for a page."""
    where = [Payment.bill_id == bill_id] if bill_id else []
    if "customer_id" in query.filters:
        where += [Payment.payer == "customer", Payment.party_id == query.filters["customer_id"]]
    found: list[Payment] = []

    def view(payment: Payment) -> dict[str, Any]:
        found.append(payment)
        return {}

    page = _PAYMENTS.page(uow, query, view, *where)
    ids = {each.bill_id for each in found if each.bill_id}
    bills: dict[UUID | None, Bill] = {bill.id: bill for bill in uow.find(Bill, Bill.id.in_(ids))} if ids else {}
    settled = allocations_of(uow, [each.id for each in found])
    return {**page, "items": [views.payment(each, bills.get(each.bill_id), settled[each.id], uow.principal) for each in found]}


def allocations_of(uow: UnitOfWork, payment_ids: Iterable[UUID]) -> defaultdict[UUID, list[Allocation]]:
    by_payment: defaultdict[UUID, list[Allocation]] = defaultdict(list)
    ids = list(payment_ids)
    for each in uow.find(Allocation, document_type="payment", document_id=ids, order_by=["id"]) if ids else ():
        by_payment[each.document_id].append(each)
    return by_payment


def search_credits(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``open=true`` leaves out what was used up."""
    return _CREDITS.page(uow, query, lambda found: views.credit(found, uow.principal))


def search_refunds(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    where = []
    if "customer_id" in query.filters:
        owed = select(OpenItem.id).where(OpenItem.side == Side.PAYABLE, OpenItem.party_id == query.filters["customer_id"])
        where.append(Refund.credit_id.in_(owed))
    return _REFUNDS.page(uow, query, views.refund, *where)
