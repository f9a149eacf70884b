"""Webhook (回调, G-26): where a partner's system is told of events, which ones, and whether it is worth trying."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.db.sealed import Encrypted
from chassis.domain.aggregate import Aggregate, Journal
from chassis.domain.machine import Machine, Move
from gateway.webhooks import sealing


class WebhookState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class DisabledWhy(StrEnum):
    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"


class Webhook(Base, Scoped, Aggregate):
    """Told of documents below ``org_path``. The secrets must be read again to sign, so they are sealed at rest (G-24)."""

    __tablename__ = "webhooks"

    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[list[str]]
    """Event types; a trailing * stands for all that begin so."""
    secret: Mapped[bytes] = mapped_column(Encrypted(lazy=True))
    former_secret: Mapped[bytes | None] = mapped_column(Encrypted(lazy=True))
    former_secret_until: Mapped[datetime | None]
    state: Mapped[WebhookState]
    disabled_why: Mapped[DisabledWhy | None]
    failing_since: Mapped[datetime | None]
    """The first failure since the last success."""

    @classmethod
    def create(
        cls, by: str, id: uuid.UUID, name: str, url: str, events: list[str], org_path: str, secret: str
    ) -> Webhook:
        webhook = cls(
            id=id, name=name, url=url, events=events, org_path=org_path, secret=sealing.seal(secret, id), former_secret=None, former_secret_until=None,
            state=WebhookState.ACTIVE, disabled_why=None, failing_since=None,
        )  # fmt: skip
        webhook.journal(Journal("create", by, after=WebhookState.ACTIVE.value))
        return webhook

    def change(self, by: str, name: str | None, url: str | None, events: list[str] | None) -> None:
        """Another address begins with a clean record."""
        named = {"name": name, "url": url, "events": events}
        changed = {key: value for key, value in named.items() if value is not None and value != getattr(self, key)}
        for key, value in changed.items():
            setattr(self, key, value)
        if "url" in changed:
            self.failing_since = None
        if changed:
            self.journal(Journal("change", by, data={"changed": sorted(changed)}))

    def enable(self, by: str) -> None:
        WEBHOOKS.fire(self, "enable", by)
        self.disabled_why = self.failing_since = None

    def disable(self, by: str) -> None:
        WEBHOOKS.fire(self, "disable", by)
        self.disabled_why = DisabledWhy.BY_HAND

    def give_up(self, by: str, why: DisabledWhy) -> None:
        """By itself: the receiver said that it is gone, or nothing got through for days."""
        WEBHOOKS.fire(self, "give-up", by, why=why.value)
        self.disabled_why = why

    def rotate(self, by: str, secret: str, now: datetime, overlap: timedelta) -> None:
        """A new secret; the former signs too until the overlap is over."""
        former = sealing.open(self.secret, self.id) if overlap else None
        self.former_secret = sealing.seal(former, self.id, sealing.FORMER) if former else None
        self.former_secret_until = now + overlap if former else None
        self.secret = sealing.seal(secret, self.id)
        self.journal(Journal("rotate-secret", by))

    def secrets(self, now: datetime) -> list[str]:
        """The secrets that sign now, the newest first; those that cannot be read are left out."""
        found = [sealing.open(self.secret, self.id)]
        if self.former_secret is not None and self.former_secret_until is not None and now < self.former_secret_until:
            found.append(sealing.open(self.former_secret, self.id, sealing.FORMER))
        return [secret for secret in found if secret is not None]


WEBHOOKS = Machine(
    "webhook",
    WebhookState,
    initial=WebhookState.ACTIVE,
    final=set(),
    moves=[
        Move("disable", {WebhookState.ACTIVE}, WebhookState.DISABLED, permission="gateway.webhook.disable"),
        Move("enable", {WebhookState.DISABLED}, WebhookState.ACTIVE, permission="gateway.webhook.enable"),
        Move("give-up", {WebhookState.ACTIVE}, WebhookState.DISABLED),
        Move("ping", {WebhookState.ACTIVE}, WebhookState.ACTIVE, permission="gateway.webhook.ping"),
    ],
)
