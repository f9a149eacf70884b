"""Errors of webhooks."""

from chassis.domain.errors import DomainError, Kind


class WebhookAddress(DomainError):
    """The address may not be called. ``reason``: scheme, user, port, host, network or unreadable."""

    code, kind = "webhook_address", Kind.UNPROCESSABLE

    def __init__(self, reason: str) -> None:
        super().__init__(field="url", reason=reason)
