"""Webhooks and deliveries as documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.db.uow import UnitOfWork
from chassis.events import schemas
from chassis.http.views import stamps
from gateway.webhooks.catalogue import offered
from gateway.webhooks.delivery import DELIVERIES, WebhookAttempt, WebhookDelivery
from gateway.webhooks.webhook import WEBHOOKS, Webhook

Document = dict[str, Any]
WEBHOOK = ("id", "name", "url", "events", "org_path", "state", "disabled_why", "failing_since")
DELIVERY = (
    "id", "webhook_id", "type", "subject", "sequence", "state", "attempts", "replays", "next_at", "status", "error",
)  # fmt: skip
ATTEMPT = ("at", "status", "error", "excerpt", "milliseconds")


def events() -> Document:
    return {
        "events": [
            {"type": type_, "description": schemas.description(type_), "permission": right}
            for type_, right in offered().items()
        ]
    }


def webhook(found: Webhook, uow: UnitOfWork, secret: str | None = None) -> Document:
    shown = {
        **{name: getattr(found, name) for name in WEBHOOK},
        "former_secret_until": found.former_secret_until,
        "allowed_actions": WEBHOOKS.allowed(found, uow.principal),
        **stamps(found),
    }
    return shown if secret is None else {**shown, "secret": secret}


def delivery(found: WebhookDelivery, uow: UnitOfWork, log: Sequence[WebhookAttempt] | None = None) -> Document:
    shown = {
        **{name: getattr(found, name) for name in DELIVERY},
        "allowed_actions": DELIVERIES.allowed(found, uow.principal),
        **stamps(found),
    }
    if log is None:
        return shown
    attempts = [{name: getattr(one, name) for name in ATTEMPT} for one in log]
    return {**shown, "body": found.body, "log": attempts}
