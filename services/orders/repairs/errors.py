"""Refusals of the repair order. Codes are permanent and stand in contracts/common/errors.yaml."""

from __future__ import annotations

from chassis.domain.errors import DomainError, Kind


class SlotTaken(DomainError):
    """The technician has another appointment then. Members: ``technician_id``."""

    code, kind = "slot_taken", Kind.CONFLICT


class QuoteMissing(DomainError):
    """No approved quote. Members: ``quotes``, the current one's version and state if there is one."""

    code, kind = "quote_missing", Kind.CONFLICT


class PartsNotIssued(DomainError):
    """Parts are not all reserved, issued or known (O-94). Members: ``parts``, the lines in the way, or ``requisitions`` that are drafts."""

    code, kind = "parts_not_issued", Kind.CONFLICT


class OverReturn(DomainError):
    """More would come back than is out (I-51). Members: ``parts``, how much of each is out; of pieces, which ``serial_numbers`` are not."""

    code, kind = "over_return", Kind.CONFLICT


class SerialCount(DomainError):
    """As many serial numbers as pieces come back, none of a part that is not tracked (I-51). Members: ``field``."""

    code, kind = "serial_count", Kind.UNPROCESSABLE


class PartsNotReturned(DomainError):
    """Parts are out. Members: ``parts``, what has to come back."""

    code, kind = "parts_not_returned", Kind.CONFLICT


class InsufficientStock(DomainError):
    """The store has less than a quick job needs (O-97). Members: ``parts``, the short lines."""

    code, kind = "insufficient_stock", Kind.CONFLICT


class NotOverdue(DomainError):
    """Its customer may still collect it (O-85). Members: ``overdue_at``, from when on he is late."""

    code, kind = "not_overdue", Kind.CONFLICT


class BillOpen(DomainError):
    """The bill is not there yet or the customer's part of it is unpaid. Members: ``bills``."""

    code, kind = "bill_open", Kind.CONFLICT


class BillExists(DomainError):
    """Billed already. Members: ``bills``."""

    code, kind = "bill_exists", Kind.CONFLICT
