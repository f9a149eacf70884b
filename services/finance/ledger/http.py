"""The ledger over HTTP: one function per operation of contracts/finance/openapi/ledger.yaml. Read only: documents post."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.finance.ledger import queries, views


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)


def get(uow: UnitOfWork, ledger_entry_id: UUID) -> dict[str, Any]:
    return views.entry(queries.get(uow, ledger_entry_id))


def accounts(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.accounts(uow, query)
