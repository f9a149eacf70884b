"""What a producer promises, its consumers take: every example of every schema goes through the inbox of every service that
listens to its type. A handler may ask to try again (the example names documents that are not there), never fail."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.domain.aggregate import new_id
from chassis.domain.events import parse_type
from chassis.messaging.inbox import Outcome, receive
from chassis.messaging.registry import subscriptions
from chassis.service import Service
from tests.architecture.test_events import path_of, schema_of
from tests.support.database import ServiceDatabase, server, service_database
from tests.support.world import services

LISTENERS = [service for service in services() if subscriptions(service)]
CASES = [(service, type_) for service in LISTENERS for type_ in subscriptions(service)]


@pytest.fixture(scope="module")
def databases() -> Iterator[dict[str, ServiceDatabase]]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        url = stack.enter_context(server())
        yield {service.name: stack.enter_context(service_database(url, service)) for service in LISTENERS}


def envelope(type_: str, data: dict[str, Any], sequence: int) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(new_id()),
        "source": f"/{parse_type(type_)[0]}",
        "type": type_,
        "subject": str(data.get("id") or new_id()),
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "sequence": sequence,
        "orgpath": data.get("org_path", "/HQ/N1/S1/"),
        "actor": "somebody",
        "data": data,
    }


@pytest.mark.parametrize(("service", "type_"), CASES, ids=lambda value: getattr(value, "name", value))
def test_examples_are_taken(databases: dict[str, ServiceDatabase], service: Service, type_: str):
    engine = databases[service.name].engine
    for sequence, example in enumerate(schema_of(path_of(type_))["examples"], start=1):
        sent = envelope(type_, example, sequence)
        outcome = receive(service, engine, sent)
        if outcome is Outcome.RETRY:
            with engine.connect() as connection:
                reason = connection.scalar(sa.text("SELECT reason FROM inbox WHERE event_id = :id"), {"id": sent["id"]})
            assert str(reason).startswith("Retry:"), f"{service.name} fails on an example of {type_}: {reason}"
        else:
            assert outcome is Outcome.DONE
            assert receive(service, engine, sent) is Outcome.DUPLICATE


def test_an_event_that_breaks_its_contract_is_parked(databases: dict[str, ServiceDatabase]):
    service, type_ = CASES[0]
    outcome = receive(service, databases[service.name].engine, envelope(type_, {"surprise": True}, 1))
    assert outcome is Outcome.PARKED
