"""HTTP functions of contracts/finance/openapi/counterparties.yaml."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.finance.counterparties import queries, usecases, views
from services.finance.counterparties.counterparty import Counterparty
from services.finance.ledger import balances_of


def create(uow: UnitOfWork, body: dict[str, Any]) -> dict[str, Any]:
    return views.counterparty(usecases.create(uow, **body))


def get(uow: UnitOfWork, counterparty_id: UUID) -> dict[str, Any]:
    found = uow.read(Counterparty, counterparty_id)
    return {**views.counterparty(found), "balances": balances_of(uow, found.id)}


def change(uow: UnitOfWork, counterparty_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    return views.counterparty(usecases.change(uow, counterparty_id, **body))


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)
