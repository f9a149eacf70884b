"""Errors of billing."""

from chassis.domain.errors import DomainError, Kind


class SumMismatch(DomainError):
    """The amounts of a bill do not add up (R-08). Never shown over HTTP: it parks the event that brought them."""

    code, kind = "sum_mismatch", Kind.UNPROCESSABLE
