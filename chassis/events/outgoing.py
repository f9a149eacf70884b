"""The outbox row of what an aggregate announced; who sends it stands in chassis/messaging."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.domain.aggregate import Aggregate, Recorded, new_id
from chassis.domain.events import Event, parse_type, type_of
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
    type_ = type_of(aggregate.published.type, recorded.verb)
    event = Event(
        id=new_id(),
        type=type_,
        source=f"/{parse_type(type_).service}",
        subject=UUID(str(aggregate.id)),
        sequence=sequence,
        time=now,
        org_path=getattr(aggregate, "org_path", None),
        held_path=getattr(aggregate, "held_path", None),
        bound_path=getattr(aggregate, "bound_path", None),
        actor=actor,
        traceparent=traceparent,
        data={**recorded.state, **recorded.more},
        party_id=getattr(aggregate, "outside_party", None),
    )
    built = envelope.build(event)
    schemas.check_outgoing(type_, built["data"])
    return {
        "id": event.id,
        "type": type_,
        "subject": str(event.subject),
        "sequence": sequence,
        "org_path": event.org_path,
        "envelope": sealing.stored(built),
        "created_at": now,
    }
