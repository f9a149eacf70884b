"""Webhook delivery (回调记录, G-26): one event for one webhook, until it is received, given up, or overtaken by a newer one."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from chassis.domain.machine import Machine, Move

MOST_DOUBLINGS = 20  # far above the longest pause, within what a timedelta holds


class DeliveryState(StrEnum):
    QUEUED = "queued"
    DELIVERED = "delivered"
    DEAD = "dead"
    SUPERSEDED = "superseded"


class WebhookDelivery(Base, Scoped, Aggregate):
    """Its id is the receiver's ``webhook-id``, the same at every attempt and replay. ``body`` is what is signed, byte for byte.

    While ``claim`` is set a sender has it in hand, until ``next_at`` at the longest: one that died is followed by another.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        Index("ix_webhook_deliveries_due", "webhook_id", "next_at", postgresql_where=text("state = 'queued'")),
        Index("ix_webhook_deliveries_document", "webhook_id", "subject", "sequence"),
        Index("ix_webhook_deliveries_log", "webhook_id", "created_at"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    webhook_id: Mapped[uuid.UUID]
    event_id: Mapped[uuid.UUID | None]
    type: Mapped[str]
    subject: Mapped[uuid.UUID]
    sequence: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[DeliveryState]
    attempts: Mapped[int]
    replays: Mapped[int]
    next_at: Mapped[datetime | None]
    claim: Mapped[uuid.UUID | None]
    status: Mapped[int | None]
    error: Mapped[str | None]

    @classmethod
    def of(
        cls, webhook_id: uuid.UUID, org_path: str, event_id: uuid.UUID | None, type_: str, subject: uuid.UUID,
        sequence: int, body: str, at: datetime,
    ) -> WebhookDelivery:  # fmt: skip
        return cls(
            webhook_id=webhook_id, org_path=org_path, event_id=event_id, type=type_, subject=subject, sequence=sequence,
            body=body, state=DeliveryState.QUEUED, attempts=0, replays=0, next_at=at, claim=None, status=None, error=None,
        )  # fmt: skip

    def deliver(self, status: int | None) -> None:
        """Received. Also by a sender that was thought dead: what the receiver has, it has."""
        DELIVERIES.require(self, "deliver")
        self.attempts += 1
        self.status, self.error = status, None
        self._settle(DeliveryState.DELIVERED)

    def fail(self, status: int | None, error: str, next_at: datetime | None) -> None:
        """An attempt that was not received; dead when there is no next one."""
        DELIVERIES.require(self, "bury")
        self.attempts += 1
        self.status, self.error = status, error
        self.claim, self.next_at = None, next_at
        if next_at is None:
            self._settle(DeliveryState.DEAD)

    def supersede(self) -> None:
        """A newer one of the document went out already: sent now it would turn the receiver's picture back."""
        DELIVERIES.require(self, "supersede")
        self._settle(DeliveryState.SUPERSEDED)

    def replay(self, by: str, now: datetime) -> None:
        """Again, as often as a new one, whatever else of the document went out meanwhile."""
        DELIVERIES.fire(self, "replay", by)
        self.replays += 1
        self.attempts, self.next_at = 0, now

    def _settle(self, state: DeliveryState) -> None:
        # Its attempts tell what happened; a journal row for each delivery would tell it twice.
        self.state, self.claim, self.next_at = state, None, None


DELIVERIES = Machine(
    "webhook_delivery",
    DeliveryState,
    initial=DeliveryState.QUEUED,
    final=set(),
    moves=[
        Move("deliver", {DeliveryState.QUEUED}, DeliveryState.DELIVERED),
        Move("bury", {DeliveryState.QUEUED}, DeliveryState.DEAD),
        Move("supersede", {DeliveryState.QUEUED}, DeliveryState.SUPERSEDED),
        Move(
            "replay",
            {DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.SUPERSEDED},
            DeliveryState.QUEUED,
            permission="gateway.webhook.replay",
        ),
    ],
)


class WebhookAttempt(Base, Scoped):
    """One try. ``excerpt`` is the beginning of what the receiver answered."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (Index("ix_webhook_attempts_delivery", "delivery_id", "at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[uuid.UUID]
    at: Mapped[datetime]
    status: Mapped[int | None]
    error: Mapped[str | None]
    excerpt: Mapped[str | None]
    milliseconds: Mapped[int]


def pause(attempts: int, first: timedelta, longest: timedelta) -> timedelta | None:
    """How long to wait after so many failed attempts: twice as long each time, a little random so that crowds part. None
    when the longest was waited already."""
    planned = [first * 2 ** min(past, MOST_DOUBLINGS) for past in (attempts - 2, attempts - 1)]
    if attempts > 1 and planned[0] >= longest:
        return None
    return min(longest, planned[1] * random.uniform(1.0, 1.2))
