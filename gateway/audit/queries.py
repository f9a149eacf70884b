"""Searching the audit log; whose entries the caller sees is decided by the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chassis.db.folded import begins_with
from chassis.db.paging import Listing, ListQuery, beginnings, members
from chassis.db.uow import UnitOfWork
from gateway.audit import views
from gateway.audit.audit_entry import AuditEntry

_LISTING = Listing(
    select(AuditEntry), sorts=beginnings(AuditEntry, "path"), default_sort="-at", key=AuditEntry.id,
    equal=members(AuditEntry, "username", "acting_for", "address", "method", "operation", "trace_id", "status"),
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """By who, from where, what and when; ``path`` is a beginning."""
    where, filters = [], query.filters
    if "path" in filters:
        where.append(begins_with(AuditEntry.path, filters["path"]))
    if "since" in filters:
        where.append(AuditEntry.at >= filters["since"])
    if "until" in filters:
        where.append(AuditEntry.at < filters["until"])
    return _LISTING.page(uow, query, views.entry, *where)
