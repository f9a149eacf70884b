"""Bills over HTTP: one function per operation of contracts/finance/openapi/billing.yaml."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.finance.billing import queries, views
from services.finance.billing.bill import Bill
from services.finance.billing.reversal import Reversal


def get(uow: UnitOfWork, bill_id: UUID) -> dict[str, Any]:
    bill = uow.read(Bill, bill_id)
    return views.bill(bill, queries.lines_of(uow, [bill.id])[bill.id], queries.owed_for(uow, [bill.id])[bill.id], uow.principal)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_bills(uow, query)


def get_reversal(uow: UnitOfWork, reversal_id: UUID) -> dict[str, Any]:
    return views.reversal(uow.read(Reversal, reversal_id))


def search_reversals(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search_reversals(uow, query)
