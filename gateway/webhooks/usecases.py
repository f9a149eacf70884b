"""Keeping webhooks, and what is to be told to them (G-26)."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import select, text

from chassis.db.statements import Fixed
from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import Journal, new_id
from chassis.domain.errors import Forbidden, ValidationFailed
from chassis.domain.events import Event
from gateway import identity
from gateway.webhooks import signing
from gateway.webhooks.addresses import policy
from gateway.webhooks.catalogue import PING, chosen, fits, offered
from gateway.webhooks.delivery import DeliveryState, WebhookDelivery
from gateway.webhooks.webhook import WEBHOOKS, Webhook

AT_ONCE = 1000
SETTLE = timedelta(seconds=0.3)
"""How long a new delivery waits for an older one of its document: several workers handle events side by side."""

# A unit that moved a moment ago may still be named by its old path: the event is told where the unit is now as well.
_LISTENING = Fixed(text(
    "SELECT id, org_path, events FROM webhooks WHERE state = 'active'"
    " AND NOT EXISTS (SELECT FROM org_units u WHERE u.org_path = webhooks.org_path AND u.deleted_at IS NOT NULL) AND (cast(:paths AS text[]) = '{}'"
    " OR EXISTS (SELECT FROM unnest(cast(:paths AS text[])) seen (path) WHERE starts_with(seen.path, org_path)"
    " OR EXISTS (SELECT FROM scope_moves m WHERE starts_with(seen.path, m.former)"
    " AND starts_with(m.current || substr(seen.path, length(m.former) + 1), org_path))))"
))


def create(uow: UnitOfWork, name: str, url: str, events: list[str], org_unit_code: str) -> tuple[Webhook, str]:
    """The webhook, and its secret as text: told now and never again."""
    policy().check(url)
    _subscribable(uow, events)
    unit = identity.place(uow, org_unit_code, "org_unit_code")
    id, secret = new_id(), signing.new_secret()
    webhook = Webhook.create(uow.actor, id, name, url, events, unit.org_path, secret)
    uow.add(webhook)
    return webhook, secret


def change(
    uow: UnitOfWork, webhook_id: uuid.UUID, name: str | None = None, url: str | None = None, events: list[str] | None = None
) -> Webhook:
    webhook = _managed(uow, webhook_id)
    if url is not None:
        policy().check(url)
    if events is not None:
        _subscribable(uow, events)
    webhook.change(uow.actor, name, url, events)
    return webhook


def enable(uow: UnitOfWork, webhook_id: uuid.UUID) -> Webhook:
    webhook = _managed(uow, webhook_id)
    webhook.enable(uow.actor)
    return webhook


def disable(uow: UnitOfWork, webhook_id: uuid.UUID) -> Webhook:
    webhook = uow.get(Webhook, webhook_id)
    webhook.disable(uow.actor)
    return webhook


def rotate_secret(uow: UnitOfWork, webhook_id: uuid.UUID, overlap_hours: int = 24) -> tuple[Webhook, str]:
    webhook = _managed(uow, webhook_id)
    secret = signing.new_secret()
    webhook.rotate(uow.actor, secret, uow.now, timedelta(hours=overlap_hours))
    return webhook, secret


def ping(uow: UnitOfWork, webhook_id: uuid.UUID) -> WebhookDelivery:
    webhook = uow.get(Webhook, webhook_id)
    WEBHOOKS.require(webhook, "ping")
    subject = new_id()
    payload = body(PING, uow.now, subject, 1, {})
    delivery = WebhookDelivery.of(webhook.id, webhook.org_path, None, PING, subject, 1, payload, uow.now)
    uow.add(delivery)
    return delivery


def replay_delivery(uow: UnitOfWork, webhook_delivery_id: uuid.UUID) -> WebhookDelivery:
    delivery = uow.get(WebhookDelivery, webhook_delivery_id)
    delivery.replay(uow.actor, uow.now)
    return delivery


def replay(
    uow: UnitOfWork,
    webhook_id: uuid.UUID,
    state: str = DeliveryState.DEAD,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    """Those in this state made from ``since`` until before ``until``, oldest first; ``{"replayed", "more"}``."""
    webhook = uow.get(Webhook, webhook_id)
    where = [
        WebhookDelivery.webhook_id == webhook.id,
        WebhookDelivery.state == DeliveryState(state),
    ]
    where += [WebhookDelivery.created_at >= since] if since else []
    where += [WebhookDelivery.created_at < until] if until else []
    found = uow.find(WebhookDelivery, *where, order_by=[WebhookDelivery.created_at], lock=True, limit=AT_ONCE + 1)
    for delivery in found[:AT_ONCE]:
        delivery.replay(uow.actor, uow.now)
    replayed = len(found[:AT_ONCE])
    webhook.journal(Journal("replay", uow.actor, data={"deliveries": replayed}))
    return {"replayed": replayed, "more": len(found) > AT_ONCE}


def note(uow: UnitOfWork, event: Event) -> None:
    """One delivery for every webhook that listens to the event and whose unit sees the document: the owner's, or the holder's and the
    addressee's of its device. Stored with the inbox
    row: an event becomes a delivery exactly once."""
    payload: str | None = None
    for row in uow.rows(_LISTENING, {"paths": list(event.paths)}):
        if not any(fits(pattern, event.type) for pattern in row.events):
            continue
        payload = payload or body(event.type, event.time, event.subject, event.sequence, event.data)
        uow.add(
            WebhookDelivery.of(
                row.id, row.org_path, event.id, event.type, event.subject, event.sequence, payload, uow.now + SETTLE
            )
        )


def body(type_: str, at: datetime, subject: uuid.UUID, sequence: int, data: Any) -> str:
    """What the receiver gets."""
    whole = {"type": type_, "timestamp": at, "subject": subject, "sequence": sequence, "data": data}
    return orjson.dumps(whole, option=orjson.OPT_UTC_Z).decode()


def forget(uow: UnitOfWork, before: datetime) -> int:
    """Removes settled deliveries made before this time with their attempts, a bounded number at once; how many."""
    old = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.created_at < before, WebhookDelivery.state != DeliveryState.QUEUED)
        .order_by(WebhookDelivery.created_at)
        .limit(5 * AT_ONCE)
    )
    ids = [row.id for row in uow.rows(old)]
    if ids:
        uow.execute(text("DELETE FROM webhook_attempts WHERE delivery_id = ANY(:ids)"), {"ids": ids})
        uow.execute(text("DELETE FROM webhook_deliveries WHERE id = ANY(:ids)"), {"ids": ids})
    return len(ids)


def _subscribable(uow: UnitOfWork, events: list[str]) -> None:
    """Known types only, and nobody has told to others what he may not read himself."""
    unknown = [{"field": f"events.{index}", "code": "unknown"} for index, one in enumerate(events) if not chosen(one)]
    if unknown:
        raise ValidationFailed(unknown)
    _readable(uow, events)


def _managed(uow: UnitOfWork, webhook_id: uuid.UUID) -> Webhook:
    """Nobody turns to himself, or signs for, what tells more than he may read: Forbidden names a right he lacks."""
    webhook = uow.get(Webhook, webhook_id)
    _readable(uow, webhook.events)
    return webhook


def _readable(uow: UnitOfWork, events: list[str]) -> None:
    needed = {offered()[type_] for pattern in events for type_ in chosen(pattern)}
    lacking = sorted(right for right in needed if not uow.principal.may(right))
    if lacking:
        raise Forbidden(permission=lacking[0])
