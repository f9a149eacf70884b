"""Webhooks over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from gateway.webhooks import queries, usecases, views
from gateway.webhooks.webhook import Webhook

Document = dict[str, Any]


def events() -> Document:
    return views.events()


def search(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.webhooks(uow, query)


def create(uow: UnitOfWork, body: Document) -> Document:
    webhook, secret = usecases.create(uow, **body)
    return views.webhook(webhook, uow, secret)


def get(uow: UnitOfWork, webhook_id: UUID) -> Document:
    return views.webhook(uow.read(Webhook, webhook_id), uow)


def update(uow: UnitOfWork, webhook_id: UUID, body: Document) -> Document:
    return views.webhook(usecases.change(uow, webhook_id, **body), uow)


def enable(uow: UnitOfWork, webhook_id: UUID) -> Document:
    return views.webhook(usecases.enable(uow, webhook_id), uow)


def disable(uow: UnitOfWork, webhook_id: UUID) -> Document:
    return views.webhook(usecases.disable(uow, webhook_id), uow)


def rotate_secret(uow: UnitOfWork, webhook_id: UUID, body: Document) -> Document:
    webhook, secret = usecases.rotate_secret(uow, webhook_id, **body)
    return views.webhook(webhook, uow, secret)


def ping(uow: UnitOfWork, webhook_id: UUID) -> Document:
    return views.delivery(usecases.ping(uow, webhook_id), uow)


def replay(uow: UnitOfWork, webhook_id: UUID, body: Document) -> Document:
    return usecases.replay(uow, webhook_id, **body)


def search_deliveries(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.deliveries(uow, query)


def get_delivery(uow: UnitOfWork, webhook_delivery_id: UUID) -> Document:
    return queries.delivery(uow, webhook_delivery_id)


def replay_delivery(uow: UnitOfWork, webhook_delivery_id: UUID) -> Document:
    return views.delivery(usecases.replay_delivery(uow, webhook_delivery_id), uow)
