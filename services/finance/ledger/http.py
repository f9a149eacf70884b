"""The ledger over HTTP: one function per operation of contracts/finance/openapi/ledger.yaml. Documents post; people keep the chart."""

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.finance.ledger import queries, usecases, views
from services.finance.ledger.open_item import Allocation, OpenItem


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)


def get(uow: UnitOfWork, ledger_entry_id: UUID) -> dict[str, Any]:
    return views.entry(queries.get(uow, ledger_entry_id))


def accounts(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.accounts(uow, query)


def get_account(uow: UnitOfWork, account_id: UUID) -> dict[str, Any]:
    return views.account(queries.account(uow, account_id))


def create_account(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    account = usecases.create_account(uow, **body)
    uow.flush()
    return views.account(queries.account(uow, account.id))


def change_account(uow: UnitOfWork, account_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    usecases.change_account(uow, account_id, **body)
    uow.flush()
    return views.account(queries.account(uow, account_id))


def delete_account(uow: UnitOfWork, account_id: UUID) -> dict[str, Any]:
    shown = views.account(queries.account(uow, account_id))
    usecases.delete_account(uow, account_id)
    return shown


def open_items(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.open_items(uow, query)


def get_open_item(uow: UnitOfWork, open_item_id: UUID) -> dict[str, Any]:
    """With what settled it, oldest first."""
    item = uow.read(OpenItem, open_item_id)
    settled = uow.find(Allocation, open_item_id=item.id, order_by=["on", "id"])
    return {**views.open_item(item), "allocations": [views.allocation(each) for each in settled]}
