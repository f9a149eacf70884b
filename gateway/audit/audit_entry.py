"""One write that somebody asked for, whatever its outcome. Append-only: the application may not change what it wrote."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped


class AuditEntry(Base, Scoped):
    """``org_path`` is where the caller stood then, and stays so when a unit moves. ``status`` 0: it broke off unanswered."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "at", "id"),
        *(Index(None, name, "at", "id") for name in ("username", "operation", "address", "status")),
        Index(None, "path", "at"),
        Index(None, "trace_id"),
        Index(None, "acting_for", "at", postgresql_where=text("acting_for IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    username: Mapped[str]
    acting_for: Mapped[str | None]
    address: Mapped[str]
    method: Mapped[str]
    path: Mapped[str]
    operation: Mapped[str]
    status: Mapped[int]
    trace_id: Mapped[str]
    content: Mapped[dict[str, Any] | None]
