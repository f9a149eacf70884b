"""Bills and payments over HTTP: one function per operation of contracts/finance/openapi/billing.yaml."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.finance.billing import queries, usecases, views
from services.finance.billing.bill import Bill
from services.finance.billing.credit import Credit
from services.finance.billing.payment import Payment
from services.finance.billing.refund import Refund
from services.finance.billing.reversal import Reversal


def get(uow: UnitOfWork, bill_id: UUID) -> dict[str, Any]:
    bill = uow.read(Bill, bill_id)
    return views.bill(bill, queries.lines_of(uow, [bill.id])[bill.id], uow.principal)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_bills(uow, query)


def pay(uow: UnitOfWork, bill_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return views.payment(*usecases.pay(uow, bill_id, **body))


def payments_of_bill(uow: UnitOfWork, bill_id: UUID, query: ListQuery) -> dict[str, Any]:
    bill = uow.read(Bill, bill_id)
    return queries.search_payments(uow, query, bill.id)


def get_payment(uow: UnitOfWork, payment_id: UUID) -> dict[str, Any]:
    payment = uow.read(Payment, payment_id)
    return views.payment(payment, uow.read(Bill, payment.bill_id))


def search_payments(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_payments(uow, query)


def get_reversal(uow: UnitOfWork, reversal_id: UUID) -> dict[str, Any]:
    return views.reversal(uow.read(Reversal, reversal_id))


def search_reversals(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_reversals(uow, query)


def get_credit(uow: UnitOfWork, credit_id: UUID) -> dict[str, Any]:
    return views.credit(uow.read(Credit, credit_id), uow.principal)


def search_credits(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_credits(uow, query)


def refund(uow: UnitOfWork, credit_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return views.refund(usecases.refund(uow, credit_id, **body))


def get_refund(uow: UnitOfWork, refund_id: UUID) -> dict[str, Any]:
    return views.refund(uow.read(Refund, refund_id))


def search_refunds(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_refunds(uow, query)
