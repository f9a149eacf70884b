"""Errors of requisitions."""

from __future__ import annotations

from chassis.domain.errors import DomainError, Kind


class OverQuote(DomainError):
    """More is asked for than the order's approved quote leaves open. ``parts``: {part_id, quantity asked for, open}."""

    code, kind = "over_quote", Kind.UNPROCESSABLE


class OverReturn(DomainError):
    """``parts``: what would come back beyond what is out, {part_id, quantity out} or {part_id, quantity, serial_numbers}."""

    code, kind = "over_return", Kind.CONFLICT


class PartsNotReturned(DomainError):
    """``parts``: what is still out, {part_id, quantity}."""

    code, kind = "parts_not_returned", Kind.CONFLICT


class RecipientMissing(DomainError):
    """Parts go out to somebody who is named (parameter ``requisition.recipient_required``)."""

    code, kind = "recipient_missing", Kind.UNPROCESSABLE
