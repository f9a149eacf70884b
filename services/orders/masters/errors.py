"""Refusals of this context. Codes are permanent and stand in contracts/common/errors.yaml."""

from __future__ import annotations

from chassis.domain.errors import DomainError, Kind


class CustomerErased(DomainError):
    """Personal data of this customer was erased (C-04). Members: ``erased_at``."""

    code, kind = "customer_erased", Kind.CONFLICT
