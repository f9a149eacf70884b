"""Searching the audit log; whose entries the caller sees is decided by the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chassis.db.prefix import begins_with
from chassis.db.uow import UnitOfWork
from chassis.http.paging import ListQuery
from gateway.audit import views
from gateway.audit.audit_entry import AuditEntry

_EXACT = ("username", "acting_for", "address", "method", "operation", "trace_id", "status")


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """By who, from where, what and when; ``path`` is a beginning."""
    statement, filters = select(AuditEntry), query.filters
    for name in _EXACT:
        if name in filters:
            statement = statement.where(getattr(AuditEntry, name) == filters[name])
    if "path" in filters:
        statement = statement.where(begins_with(AuditEntry.path, filters["path"]))
    if "since" in filters:
        statement = statement.where(AuditEntry.at >= filters["since"])
    if "until" in filters:
        statement = statement.where(AuditEntry.at < filters["until"])
    return uow.page(statement, query, sorts={"at": AuditEntry.at}, default_sort="-at", key=AuditEntry.id, view=views.entry)
