"""Money received and paid back over HTTP: one function per operation of contracts/finance/openapi/receivables.yaml."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from services.finance.billing import Bill
from services.finance.ledger import OpenItem, Side
from services.finance.receivables import queries, usecases, views
from services.finance.receivables.payment import Payment
from services.finance.receivables.refund import Refund


def pay(uow: UnitOfWork, bill_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _shown(uow, *usecases.pay(uow, bill_id, **body))


def receive(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return _read(uow, usecases.receive(uow, **body))


def reverse(uow: UnitOfWork, payment_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return _read(uow, usecases.reverse(uow, payment_id, **body)[0])


def payments_of_bill(uow: UnitOfWork, bill_id: UUID, query: ListQuery) -> dict[str, Any]:
    bill = uow.read(Bill, bill_id)
    return queries.search_payments(uow, query, bill.id)


def get_payment(uow: UnitOfWork, payment_id: UUID) -> dict[str, Any]:
    return _read(uow, uow.read(Payment, payment_id))


def search_payments(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_payments(uow, query)


def get_credit(uow: UnitOfWork, credit_id: UUID) -> dict[str, Any]:
    item = uow.read(OpenItem, credit_id)
    if item.side is not Side.PAYABLE:
        raise NotFound()
    return views.credit(item, uow.principal)


def search_credits(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_credits(uow, query)


def refund(uow: UnitOfWork, credit_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return views.refund(usecases.refund(uow, credit_id, **body))


def get_refund(uow: UnitOfWork, refund_id: UUID) -> dict[str, Any]:
    return views.refund(uow.read(Refund, refund_id))


def search_refunds(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_refunds(uow, query)


def _read(uow: UnitOfWork, payment: Payment) -> dict[str, Any]:
    uow.flush()
    return _shown(uow, payment, uow.one(Bill, id=payment.bill_id) if payment.bill_id else None)


def _shown(uow: UnitOfWork, payment: Payment, bill: Bill | None) -> dict[str, Any]:
    uow.flush()
    return views.payment(payment, bill, queries.allocations_of(uow, [payment.id])[payment.id], uow.principal)
