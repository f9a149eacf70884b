"""What saving an aggregate would announce, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

from chassis.domain.aggregate import Aggregate
from chassis.events import schemas

A = TypeVar("A", bound=Aggregate)
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def added(aggregate: A) -> A:
    """As after ``uow.add``."""
    aggregate.version = aggregate.first_version
    aggregate.announce_creation(True)
    return aggregate


def loaded(aggregate: A) -> A:
    """As if it had been stored and were locked again: whatever it had to announce is announced."""
    if aggregate.__dict__.get("version") is None:
        added(aggregate)
    aggregate.take_events()
    for name in ("_published", "_recorded", "_journal"):
        aggregate.__dict__.pop(name, None)
    aggregate.__dict__["_stamp"] = (NOW, "ann")
    return aggregate


def announced(aggregate: Aggregate) -> list[tuple[str, dict[str, Any]]]:
    """Verb and data of what it has to announce now, in order; each verb is one of the contract's."""
    found = [(event.verb, {**event.state, **event.more}) for _, event in aggregate.take_events()]
    assert aggregate.published is not None
    assert {verb for verb, _ in found} <= set(schemas.verbs(aggregate.published.type))
    return found
