"""The outbox row of what an aggregate announced; who sends it stands in chassis/messaging."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.domain.aggregate import Aggregate, Recorded, new_id
from chassis.domain.events import type_of
from chassis.events import envelope, schemas, sealing

CHANNEL = "outbox"
"""Notified by the commit of whoever wrote such a row."""


def row(
    aggregate: Aggregate, recorded: Recorded, sequence: int, actor: str, traceparent: str | None, now: datetime
) -> dict[str, Any]:
    """Column values. An aggregate may have an ``org_path`` (its scope) and an ``outside_party`` (whom it came through).

    Raises SchemaViolation when the state does not fit its contract: a wrong event never leaves its transaction.
    """
    assert aggregate.published is not None
    type_, event_id, subject = type_of(aggregate.published.type, recorded.verb), new_id(), UUID(str(aggregate.id))
    org_path = getattr(aggregate, "org_path", None)
    built = envelope.build(
        {**recorded.state, **recorded.more},
        type_=type_,
        event_id=event_id,
        subject=subject,
        sequence=sequence,
        org_path=org_path,
        actor=actor,
        traceparent=traceparent,
        time=now,
        party_id=getattr(aggregate, "outside_party", None),
    )
    schemas.check_outgoing(type_, built["data"])
    return {
        "id": event_id,
        "type": type_,
        "subject": str(subject),
        "sequence": sequence,
        "org_path": org_path,
        "envelope": sealing.stored(built),
        "created_at": now,
    }
