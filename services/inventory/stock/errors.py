"""Errors of the stock ledger."""

from __future__ import annotations

from chassis.db.violations import on_violation
from chassis.domain.errors import DomainError


class InsufficientStock(DomainError):
    """``parts``: what is short, where the caller can know it."""

    code = "insufficient_stock"


# The database's own guards (migration 0001); reached only by what does not go through the use cases.
for guard in ("ck_stock_on_hand", "ck_stock_reserved", "ck_stock_covered"):
    on_violation(guard, InsufficientStock)
