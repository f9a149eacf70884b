"""Stream event: one thing to tell to whoever watches. Its id is the place in the stream from which a reader resumes."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, ScopedChild, held, moved_with
from chassis.db.uow import UnitOfWork

CHANNEL = "gateway_stream"


class StreamEvent(Base, ScopedChild):
    """``audience``: the one user it is for; null: everybody who sees one of the paths, the owner's (``org_path``), the holder's and the
    addressee's where there are such. Ids rise in the order of commit."""

    __tablename__ = "stream_events"
    __table_args__ = (Index("ix_stream_events_subject", "subject", "version"), moved_with("stream_events"), *held("stream_events"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    subject: Mapped[uuid.UUID]
    version: Mapped[int]
    held_path: Mapped[str | None] = mapped_column(Text(collation="C"))
    bound_path: Mapped[str | None] = mapped_column(Text(collation="C"))
    audience: Mapped[str | None]
    customer_id: Mapped[uuid.UUID | None]
    """Whose order it is about: what an outside account is shown by (G-10)."""
    dealer_id: Mapped[uuid.UUID | None]
    """Through whom it came: the same."""
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(index=True)


class StreamMark(Base):
    """Where the stream begins: everything up to ``position`` was forgotten."""

    __tablename__ = "stream_marks"

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)


# The lock makes ids appear in the order they are given: without it a reader could pass 8 while 7 is not committed yet,
# and never see 7. It is held until the end of the transaction, so it goes in the last call.
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('stream_events'))"
_INSERT = (
    "INSERT INTO stream_events (org_path, held_path, bound_path, kind, subject, version, audience, customer_id, dealer_id, data, at)"
    " SELECT %s, %s, %s, %s, %s, %s, %s, %s::uuid, %s::uuid, cast(%s AS jsonb), %s"
)
_APPEND = f"{_INSERT} WHERE NOT EXISTS (SELECT FROM stream_events WHERE subject = %s AND version >= %s)"
_FORGET = text(
    "WITH gone AS (DELETE FROM stream_events WHERE at < :before RETURNING id)"
    " INSERT INTO stream_marks (name, position) SELECT 'forgotten', max(id) FROM gone HAVING max(id) IS NOT NULL"
    " ON CONFLICT (name) DO UPDATE SET position = greatest(stream_marks.position, excluded.position)"
)


def append(uow: UnitOfWork, event: StreamEvent) -> None:
    """Adds to the stream unless something newer about the subject stands there already."""
    _add(uow, _APPEND, event, event.subject, event.version)


def leave(uow: UnitOfWork, event: StreamEvent) -> None:
    """Tells those that a document leaves, whatever is known of it where it is now."""
    _add(uow, _INSERT, event)


def _add(uow: UnitOfWork, statement: str, event: StreamEvent, *more: Any) -> None:
    from chassis.db.rows import dumps

    paths = (event.org_path, event.held_path, event.bound_path)
    about = (*paths, event.kind, event.subject, event.version, event.audience, event.customer_id, event.dealer_id)
    uow.later(_ALONE)
    uow.later(statement, (*about, dumps(event.data), uow.now, *more))
    uow.notify(CHANNEL)


def forget(uow: UnitOfWork, before: datetime) -> None:
    uow.execute(_FORGET, {"before": before})
