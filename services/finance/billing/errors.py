"""Errors of billing."""

from chassis.domain.errors import DomainError, Kind


class OverAllocated(DomainError):
    """More was to be paid than is open. ``field`` names the amount, ``open_amount`` what could be paid."""

    code, kind = "over_allocated", Kind.UNPROCESSABLE


class SumMismatch(DomainError):
    """The amounts of a bill do not add up (R-08). Never shown over HTTP: it parks the event that brought them."""

    code, kind = "sum_mismatch", Kind.UNPROCESSABLE
