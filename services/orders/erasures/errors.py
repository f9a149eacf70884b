"""Refusals of this context. Codes are permanent and stand in contracts/common/errors.yaml."""

from __future__ import annotations

from chassis.domain.errors import DomainError, Kind


class OpenDocuments(DomainError):
    """Something of the customer is not finished. Members: ``documents``, kind, id, number and state of the oldest ones."""

    code, kind = "open_documents", Kind.CONFLICT
