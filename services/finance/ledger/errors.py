"""Errors of the ledger."""

from __future__ import annotations

from chassis.domain.errors import DomainError, Kind


class OverAllocated(DomainError):
    """More was to be settled than is open. ``field`` names the amount, ``open_amount`` what could be settled."""

    code, kind = "over_allocated", Kind.UNPROCESSABLE


class HasMovements(DomainError):
    """Something was posted to the account: it is closed (``active``), not removed."""

    code, kind = "has_movements", Kind.CONFLICT


class SystemAccount(DomainError):
    """Documents post to it by its code: it is the release's, not the company's."""

    code, kind = "system_account", Kind.CONFLICT


class Unbalanced(Exception):
    """Entries do not sum to zero: a mistake in the program, never of the caller."""
