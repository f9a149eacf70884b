"""Numbers over HTTP."""

from typing import Any

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from chassis.http.numbering import Numbers
from services.orders.numbering.rule import NumberRule

_NUMBERS = Numbers(NumberRule)


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _NUMBERS.search(uow, query)


def get(uow: UnitOfWork, kind: str) -> dict[str, Any]:
    return _NUMBERS.get(uow, kind)


def reset(uow: UnitOfWork, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return _NUMBERS.reset(uow, kind, **body)
