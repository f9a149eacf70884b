"""Tables every service database has: outbox, inbox, idempotency, journal, document numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from chassis.db.base import NAMING, Base
from chassis.domain.aggregate import Journal
from chassis.service import Service

chassis_metadata = MetaData(naming_convention=NAMING)
Time = DateTime(timezone=True)

outbox = Table(
    "outbox",
    chassis_metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("org_path", Text(collation="C")),  # null for company-wide facts
    Column("envelope", JSONB, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("sent_at", Time),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_at", Time),
    Column("reason", Text),
    Index("ix_outbox_waiting", "position", postgresql_where=text("sent_at IS NULL")),
)

inbox = Table(
    "inbox",
    chassis_metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # done | retry | parked
    Column("attempts", Integer, nullable=False, server_default=text("1")),
    Column("next_at", Time),
    Column("reason", Text),
    Column("trace", Text),
    Column("envelope", JSONB),  # kept while retry or parked
    Column("received_at", Time, nullable=False),
    Column("handled_at", Time),
    Index("ix_inbox_due", "next_at", postgresql_where=text("state = 'retry'")),
    Index("ix_inbox_parked", "received_at", postgresql_where=text("state = 'parked'")),
)

subscriptions = Table(  # since when the service listens to a type: what was sent before, it never got
    "subscriptions",
    chassis_metadata,
    Column("type", Text, primary_key=True),
    Column("since", Time, nullable=False),
)

idempotency = Table(
    "idempotency",
    chassis_metadata,
    Column("principal", Text, primary_key=True),
    Column("request", Text, primary_key=True),  # method and path
    Column("key", Text, primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created_at", Time, nullable=False, index=True),
    Column("party", Uuid, server_default=text("nullif(current_setting('app.party', true), '')::uuid")),  # of an outside account
)

journal = Table(
    "journal",
    chassis_metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("entity", Text, nullable=False),
    Column("entity_id", Uuid, nullable=False),
    Column("org_path", Text(collation="C")),  # null on company-wide documents
    Column("at", Time, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state_before", Text),
    Column("state_after", Text),
    Column("why", Text),
    Column("data", JSONB),
    Index("ix_journal_entity", "entity_id", "id"),
)


def journal_row(entry: Journal, instance: Any, now: datetime) -> dict[str, Any]:
    """Values of what ``instance`` noted of itself."""
    return {
        "entity": instance.__table__.name,
        "entity_id": instance.id,
        "org_path": instance.__dict__.get("org_path"),
        "at": now,
        "action": entry.action,
        "actor": entry.by,
        "state_before": entry.before,
        "state_after": entry.after,
        "why": entry.why,
        "data": entry.data,
    }


numbers = Table(
    "numbers",
    chassis_metadata,
    Column("series", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

scope_moves = Table(
    "scope_moves",
    chassis_metadata,
    Column("unit_id", Uuid, primary_key=True),
    Column("former", Text, primary_key=True),
    Column("current", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),  # version of the unit that made it current
    Column("moved_at", Time, nullable=False, index=True),
)


def metadata_of(service: Service) -> MetaData:
    """All tables of a service: those of its contexts and those above."""
    service.load()
    merged = MetaData()
    for mapper in Base.registry.mappers:
        if mapper.class_.__module__.startswith(service.package + "."):
            for table in mapper.tables:
                table.to_metadata(merged)  # type: ignore[attr-defined]  # declared as FromClause
    for table in chassis_metadata.tables.values():
        table.to_metadata(merged)
    return merged
