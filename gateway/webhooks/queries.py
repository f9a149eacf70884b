"""Lists of webhooks and of what became of their deliveries."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Forbidden
from chassis.http.paging import ListQuery
from gateway.webhooks import views
from gateway.webhooks.catalogue import offered
from gateway.webhooks.delivery import WebhookAttempt, WebhookDelivery
from gateway.webhooks.webhook import Webhook

SHOWN_ATTEMPTS = 50


def webhooks(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement, filters = select(Webhook), query.filters
    if "state" in filters:
        statement = statement.where(Webhook.state == filters["state"])
    if "failing" in filters:
        since = Webhook.failing_since
        statement = statement.where(since.is_not(None) if filters["failing"] else since.is_(None))
    sorts = {"created_at": Webhook.created_at, "name": Webhook.name}
    return uow.page(
        statement, query, sorts=sorts, default_sort="name", key=Webhook.id, view=lambda found: views.webhook(found, uow)
    )


def deliveries(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    statement, filters = select(WebhookDelivery), query.filters
    for name in ("webhook_id", "state", "subject"):
        if name in filters:
            statement = statement.where(getattr(WebhookDelivery, name) == filters[name])
    if "since" in filters:
        statement = statement.where(WebhookDelivery.created_at >= filters["since"])
    if "until" in filters:
        statement = statement.where(WebhookDelivery.created_at < filters["until"])
    sorts = {"created_at": WebhookDelivery.created_at}
    return uow.page(
        statement, query, sorts=sorts, default_sort="-created_at", key=WebhookDelivery.id,
        view=lambda found: views.delivery(found, uow),
    )  # fmt: skip


def delivery(uow: UnitOfWork, webhook_delivery_id: uuid.UUID) -> dict[str, Any]:
    """With its body, which is for whoever may read such documents: Forbidden otherwise."""
    found = uow.read(WebhookDelivery, webhook_delivery_id)
    if (right := offered().get(found.type)) and not uow.principal.may(right):
        raise Forbidden(permission=right)
    log = uow.find(
        WebhookAttempt, WebhookAttempt.delivery_id == found.id, order_by=[WebhookAttempt.at.desc()], limit=SHOWN_ATTEMPTS
    )
    return views.delivery(found, uow, log)
