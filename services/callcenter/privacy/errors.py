"""Refusals of this context; codes and texts stand in contracts/common/errors.yaml."""

from chassis.domain.errors import DomainError, Kind


class ConsentMissing(DomainError):
    """The customer did not agree to his data being shared, or has withdrawn it."""

    code = "consent_missing"
    kind = Kind.CONFLICT
