"""Secrets of webhooks at rest: they must be read again to sign, so they are sealed, each to its webhook (G-24). The aggregate
keeps them sealed: one that does not open is a failure of its webhook, and holds up no other."""

from __future__ import annotations

import uuid

from chassis import crypto
from chassis.crypto import Unopenable

CURRENT, FORMER = "secret", "former_secret"


def seal(secret: str, webhook_id: uuid.UUID, column: str = CURRENT) -> bytes:
    return crypto.seal(secret.encode(), crypto.place("webhooks", column, webhook_id))


def open(sealed: bytes, webhook_id: uuid.UUID, column: str = CURRENT) -> str | None:
    """None when it was sealed for another webhook or column, under a key that the ring lacks, or was changed."""
    try:
        return crypto.open(sealed, crypto.place("webhooks", column, webhook_id)).decode()
    except Unopenable:
        return None
