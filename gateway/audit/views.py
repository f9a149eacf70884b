"""Entries of the audit log as documents."""

from __future__ import annotations

from typing import Any

from gateway.audit.audit_entry import AuditEntry

MEMBERS = (
    "at", "username", "acting_for", "address", "method", "path", "operation", "status", "trace_id", "org_path", "content",
)  # fmt: skip


def entry(found: AuditEntry) -> dict[str, Any]:
    return {"id": str(found.id), **{name: getattr(found, name) for name in MEMBERS}}
