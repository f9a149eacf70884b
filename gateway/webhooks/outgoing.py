"""What a sender does with the database: takes what is due, and writes down how it went. No transaction spans a call."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from gateway.identity import one_of_the_staff
from gateway.notices import Subject, tell
from gateway.settings import value
from gateway.webhooks.client import GONE, Answer
from gateway.webhooks.delivery import DeliveryState, WebhookAttempt, WebhookDelivery, pause
from gateway.webhooks.webhook import DisabledWhy, Webhook, WebhookState

LEASE = 30.0
"""Seconds a delivery is left to the sender that took it: longer than a call can last. One that died is followed then."""

# Of each webhook a few, none of a document of which an older one waits. A claimed one still waits, so the next of its document
# stays back; a row that another sender is just claiming is skipped.
_CLAIM = text("""
    WITH due AS (
        SELECT d.id FROM webhooks w CROSS JOIN LATERAL (
            SELECT d.id FROM webhook_deliveries d
            WHERE d.webhook_id = w.id AND d.state = 'queued' AND d.next_at <= now() AND NOT EXISTS (
                SELECT FROM webhook_deliveries older WHERE older.webhook_id = d.webhook_id AND older.subject = d.subject
                AND older.state = 'queued' AND older.sequence < d.sequence)
            ORDER BY d.next_at LIMIT greatest(0, :each - cardinality(array_positions(cast(:busy AS uuid[]), w.id)))
            FOR UPDATE SKIP LOCKED) d
        WHERE w.state = 'active' LIMIT :room)
    UPDATE webhook_deliveries d SET claim = :claim, next_at = now() + make_interval(secs => :lease) FROM due WHERE d.id = due.id
    RETURNING d.id, d.webhook_id, d.body, d.replays = 0 AND EXISTS (
        SELECT FROM webhook_deliveries newer WHERE newer.webhook_id = d.webhook_id AND newer.subject = d.subject
        AND newer.sequence > d.sequence AND (newer.state = 'delivered' OR newer.attempts > 0 OR newer.claim IS NOT NULL)) AS late
""")
_RELEASE = text("UPDATE webhook_deliveries SET claim = NULL, next_at = now() WHERE claim = ANY(:claims) AND state = 'queued'")


@dataclass(frozen=True)
class Parcel:
    """One attempt to be made. ``keys``: secrets that sign; none when they cannot be read."""

    id: uuid.UUID
    webhook_id: uuid.UUID
    claim: uuid.UUID
    url: str
    keys: tuple[str, ...]
    body: bytes


def claim(uow: UnitOfWork, room: int, each: int, busy: Sequence[uuid.UUID]) -> list[Parcel]:
    """At most ``room`` deliveries that are due, of one webhook ``each`` with those in hand: ``busy`` names one for every call."""
    taken = new_id()
    found = uow.rows(_CLAIM, {"room": room, "each": each, "busy": list(busy), "claim": taken, "lease": LEASE})
    late = [row.id for row in found if row.late]
    for delivery in uow.find(WebhookDelivery, id=late, lock=True) if late else ():
        delivery.supersede()
    on_time = [row for row in found if not row.late]
    ids = {row.webhook_id for row in on_time}
    webhooks = {one.id: one for one in uow.find(Webhook, id=ids)} if ids else {}
    keys = {one.id: tuple(one.secrets(uow.now)) for one in webhooks.values()}
    return [
        Parcel(row.id, row.webhook_id, taken, webhooks[row.webhook_id].url, keys[row.webhook_id], row.body.encode())
        for row in on_time
    ]


def release(uow: UnitOfWork, claims: Sequence[uuid.UUID]) -> None:
    """What a sender that stops had in hand may be taken by another at once."""
    uow.execute(_RELEASE, {"claims": list(claims)})


def record(uow: UnitOfWork, parcel: Parcel, answer: Answer) -> None:
    """Writes down an attempt. What the receiver has, it has, whoever sent it; a failure counts only for who holds the claim."""
    delivery = uow.one(WebhookDelivery, id=parcel.id, lock=True)
    if delivery is None:
        return
    uow.add(
        WebhookAttempt(
            id=new_id(), delivery_id=delivery.id, org_path=delivery.org_path, at=uow.now, status=answer.status,
            error=answer.error, excerpt=answer.excerpt, milliseconds=answer.milliseconds,
        )
    )  # fmt: skip
    if delivery.state is not DeliveryState.QUEUED or not (answer.received or delivery.claim == parcel.claim):
        return
    if answer.received:
        delivery.deliver(answer.status)
        _well(uow, parcel.webhook_id)
        return
    delivery.fail(answer.status, answer.error or "status", _next(uow, delivery, answer))
    _ill(uow, parcel.webhook_id, gone=answer.status == GONE)


def _next(uow: UnitOfWork, delivery: WebhookDelivery, answer: Answer) -> datetime | None:
    """When to try again. A receiver may ask for more time than the schedule gives, never for less, nor for more than its end."""
    if answer.status == GONE:
        return None
    first = timedelta(seconds=value(uow, "webhook.first_pause_seconds"))
    longest = timedelta(hours=value(uow, "webhook.longest_pause_hours"))
    planned = pause(delivery.attempts + 1, first, longest)
    if planned is None:
        return None
    return uow.now + max(planned, min(longest, timedelta(seconds=answer.retry_after or 0)))


def _well(uow: UnitOfWork, webhook_id: uuid.UUID) -> None:
    if uow.read(Webhook, webhook_id).failing_since is not None:
        uow.get(Webhook, webhook_id).failing_since = None


def _ill(uow: UnitOfWork, webhook_id: uuid.UUID, gone: bool) -> None:
    """Notes the first failure since the last success, and gives up when the receiver is gone or that was days ago."""
    patience = timedelta(days=value(uow, "webhook.failing_days"))
    known = uow.read(Webhook, webhook_id)
    lasting = known.failing_since is not None and uow.now - known.failing_since >= patience
    if known.state is not WebhookState.ACTIVE or not (gone or lasting or known.failing_since is None):
        return
    webhook = uow.get(Webhook, webhook_id)
    webhook.failing_since = webhook.failing_since or uow.now
    lasting = uow.now - webhook.failing_since >= patience
    if webhook.state is WebhookState.ACTIVE and (gone or lasting):
        webhook.give_up(uow.actor, DisabledWhy.GONE if gone else DisabledWhy.FAILING)
        _notify(uow, webhook)


def _notify(uow: UnitOfWork, webhook: Webhook) -> None:
    """Whoever made it is told; everybody else finds it by the list's filter and the journal."""
    maker = one_of_the_staff(uow, webhook.created_by.partition("/")[0])
    why = webhook.disabled_why.value if webhook.disabled_why else None
    key = f"webhook.disabled/{webhook.id}/{webhook.version}"
    tell(uow, key, "webhook.disabled", Subject("webhook", webhook.id), maker, {"name": webhook.name, "why": why})
