"""Reading notices, and forgetting them."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from gateway.notices import queries
from gateway.notices.notice import Notice

AT_ONCE = 20_000
"""Rows of one round: a backlog holds the table for about a second at most."""
_READ = text("UPDATE notices SET read_at = :now WHERE recipient = :reader AND read_at IS NULL AND created_at <= :until")
_FORGET = text("DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE created_at < :before ORDER BY created_at LIMIT :most)")


def read(uow: UnitOfWork, notice_id: uuid.UUID) -> Notice:
    """The caller has read it, if he had not before. Somebody else's is NotFound."""
    notice = queries.own(uow, notice_id, lock=True)
    notice.read_at = notice.read_at or uow.now
    return notice


def read_all(uow: UnitOfWork, until: str | None = None) -> int:
    """How many were unread. ``until``: only those made by then, so that none is read that came after the list was shown."""
    last = datetime.fromisoformat(until) if until else uow.now
    return uow.execute(_READ, {"now": uow.now, "reader": uow.principal.username, "until": last})


def forget(uow: UnitOfWork, before: datetime) -> None:
    uow.execute(_FORGET, {"before": before, "most": AT_ONCE})
