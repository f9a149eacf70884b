"""Lists of webhooks and of what became of their deliveries."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery, beginnings, members
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import Forbidden
from gateway.webhooks import views
from gateway.webhooks.catalogue import PING, right_of
from gateway.webhooks.delivery import WebhookAttempt, WebhookDelivery
from gateway.webhooks.webhook import Webhook

SHOWN_ATTEMPTS = 50
_WEBHOOKS = Listing(
    select(Webhook), sorts=beginnings(Webhook, "url"), default_sort="name", key=Webhook.id,
    equal={"state": Webhook.state, "failing": Webhook.failing_since.is_not(None)},
)  # fmt: skip
_DELIVERIES = Listing(
    select(WebhookDelivery), sorts=beginnings(WebhookDelivery, "error"), default_sort="-created_at", key=WebhookDelivery.id,
    equal=members(WebhookDelivery, "webhook_id", "state", "subject"),
)  # fmt: skip


def webhooks(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    return _WEBHOOKS.page(uow, query, lambda found: views.webhook(found, uow))


def deliveries(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    where, filters = [], query.filters
    if "since" in filters:
        where.append(WebhookDelivery.created_at >= filters["since"])
    if "until" in filters:
        where.append(WebhookDelivery.created_at < filters["until"])
    return _DELIVERIES.page(uow, query, lambda found: views.delivery(found, uow), *where)


def delivery(uow: UnitOfWork, webhook_delivery_id: uuid.UUID) -> dict[str, Any]:
    """With its body, which is for whoever may read such documents: Forbidden otherwise."""
    found = uow.read(WebhookDelivery, webhook_delivery_id)
    right = None if found.type == PING else right_of(found.type)
    if right and not uow.principal.may(right):
        raise Forbidden(permission=right)
    log = uow.find(
        WebhookAttempt, WebhookAttempt.delivery_id == found.id, order_by=[WebhookAttempt.at.desc()], limit=SHOWN_ATTEMPTS
    )
    return views.delivery(found, uow, log)
