"""The audit log over HTTP."""

from __future__ import annotations

from typing import Any

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from gateway.audit import queries


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return queries.search(uow, query)
