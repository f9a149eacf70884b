"""Errors of receipts."""

from __future__ import annotations

from chassis.db.violations import on_violation
from chassis.domain.errors import DomainError, Kind


class DocumentLocked(DomainError):
    """What is posted is reversed, never edited or removed (R-02, R-10)."""

    code, kind = "document_locked", Kind.CONFLICT


# The database's own guards (migration 0016).
on_violation("ck_stock_receipts_locked", DocumentLocked)
