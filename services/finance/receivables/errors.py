"""Errors of receivables."""

from chassis.domain.errors import DomainError, Kind


class AlreadyReversed(DomainError):
    """The payment was taken back before, or is itself what takes one back."""

    code, kind = "already_reversed", Kind.CONFLICT


class SeveralPayers(DomainError):
    """One payment comes from one payer and party, for documents of one site. ``field``: the first of another."""

    code, kind = "several_payers", Kind.UNPROCESSABLE
