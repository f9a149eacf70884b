"""Errors of the part master."""

from __future__ import annotations

from chassis.db.violations import on_violation
from chassis.domain.errors import DomainError


class PartHasMovements(DomainError):
    """Whether pieces are told apart is settled by the first of them that moves (I-22)."""

    code = "part_has_movements"


on_violation("ck_parts_serial_tracked", PartHasMovements)
