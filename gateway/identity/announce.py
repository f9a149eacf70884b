"""Tells every gateway process, at commit, that access tokens became void (see gateway/access.py)."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from contextvars import ContextVar

from sqlalchemy import text

from chassis.db.uow import UnitOfWork

CHANNEL = "gateway_access"
LISTENER = "gateway.listener"
"""Name of the connections that listen, one per gateway process."""
announced: ContextVar[dict[str, int] | None] = ContextVar("announced", default=None)
"""What this request announced (mark, how many listen), for whoever waits until the news has gone round to answer."""

_NOTIFY = text(
    "SELECT pg_notify(:channel, :news), (SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = :listener) AS listeners"
)


def session_ended(uow: UnitOfWork, session_id: uuid.UUID) -> None:
    _notify(uow, f"session {session_id.hex}")


def session_locked(uow: UnitOfWork, session_id: uuid.UUID) -> None:
    """Tokens of the session are good for unlocking it alone (G-03)."""
    _notify(uow, f"locked {session_id.hex}")


def session_unlocked(uow: UnitOfWork, session_id: uuid.UUID) -> None:
    _notify(uow, f"unlocked {session_id.hex}")


def epoch_raised(uow: UnitOfWork, user_id: uuid.UUID, epoch: int) -> None:
    """Tokens of the user with a lower epoch are void."""
    _notify(uow, f"user {user_id} {epoch}")


def epochs_raised(uow: UnitOfWork, epochs: Sequence[tuple[uuid.UUID, int]]) -> None:
    """The same of many users; a notification has room for about a hundred."""
    for start in range(0, len(epochs), 100):
        _notify(uow, " ".join(["users", *(f"{user} {epoch}" for user, epoch in epochs[start : start + 100])]))


def _notify(uow: UnitOfWork, news: str) -> None:
    mark = secrets.token_hex(8)
    (found,) = uow.rows(_NOTIFY, {"channel": CHANNEL, "news": f"{mark} {news}", "listener": LISTENER})
    marks = announced.get()
    if marks is not None:
        marks[mark] = int(found.listeners)
