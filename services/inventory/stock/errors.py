"""Errors of the stock ledger."""

from __future__ import annotations

from chassis.db.violations import on_violation
from chassis.domain.errors import DomainError, Kind


class InsufficientStock(DomainError):
    """``parts``: what is short, where the caller can know it."""

    code = "insufficient_stock"


class SerialConflict(DomainError):
    """A piece is elsewhere (I-22): in already, out already, at another order. ``serials``: {part_id, serial_number, place}, where known."""

    code = "serial_conflict"


class SerialCount(DomainError):
    """As many serial numbers as pieces, and none of a part that is not tracked (I-07). ``field`` or ``parts`` name where."""

    code, kind = "serial_count", Kind.UNPROCESSABLE


# The database's own guards (migrations 0001, 0014, 0015); reached by what does not go through the use cases, or asks at the same time.
for guard in ("ck_stock_on_hand", "ck_stock_reserved", "ck_stock_covered", "ck_stock_binned", "ck_bin_stock_on_hand"):
    on_violation(guard, InsufficientStock)
for guard in ("ck_serials_place", "uq_serials_part_id_number_key"):
    on_violation(guard, SerialConflict)
for guard in ("ck_stock_movements_tracked", "ck_stock_movements_piece"):
    on_violation(guard, SerialCount)
