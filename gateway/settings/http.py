"""Parameters over HTTP."""

from __future__ import annotations

from typing import Any

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from gateway.settings import queries, usecases, views

Document = dict[str, Any]


def search(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.search(uow, query)


def get(uow: UnitOfWork, key: str) -> Document:
    return views.parameter(usecases.read(uow, key), uow.principal)


def put(uow: UnitOfWork, key: str, body: Document) -> Document:
    return views.parameter(usecases.put(uow, key, body["value"]), uow.principal)


def history(uow: UnitOfWork, key: str, query: ListQuery) -> Document:
    return queries.history(uow, key, query)
