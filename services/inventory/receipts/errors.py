"""Errors of receipts."""

from __future__ import annotations

from chassis.db.violations import on_violation
from chassis.domain.errors import DomainError, Kind


class DocumentLocked(DomainError):
    """What is posted is reversed, never edited or removed (R-02, R-10)."""

    code, kind = "document_locked", Kind.CONFLICT


# The database's own guards (migration 0016).
for guard in ("ck_stock_receipts_locked", "ck_stock_receipts_posted", "ck_stock_receipts_reversed"):
    on_violation(guard, DocumentLocked)
