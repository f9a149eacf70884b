"""Refusals of this context; codes and texts stand in contracts/common/errors.yaml."""

from chassis.domain.errors import DomainError, Kind


class CustomerErased(DomainError):
    """Personal data of this customer was erased (C-04). Members: ``erased_at``."""

    code = "customer_erased"
    kind = Kind.CONFLICT
