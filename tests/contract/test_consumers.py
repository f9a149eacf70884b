"""What a producer promises, its consumers take, of this release and of the next: every example of every verb goes through the
inbox of every service that listens to it, as it is and as a newer release may send it, with members, verbs and values of open
sets that nobody here knows. A handler may ask to try again (the example names documents that are not there), never fail."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.domain.aggregate import new_id
from chassis.domain.events import Retry, parse_type, type_of
from chassis.events import envelope as envelopes, schemas
from chassis.messaging import inbox
from chassis.messaging.inbox import Outcome, receive
from chassis.messaging.registry import subscriptions
from chassis.service import Service
from tests.support.cells import over
from tests.support.database import ServiceDatabase, server, service_database
from tests.support.world import services

Data = dict[str, Any]
LISTENERS = [service for service in services() if subscriptions(service).types]
CASES = [(service, type_) for service in LISTENERS for type_ in subscriptions(service).types]
WILD = [(service, binding) for service in LISTENERS for binding in subscriptions(service).bindings if ".*." in binding]
UNHEARD = "unheard_of"


def listening(cell: tuple[Service, str]) -> str:
    return f"{cell[0].name} {cell[1]}"


@pytest.fixture(scope="module")
def databases() -> Iterator[dict[str, ServiceDatabase]]:
    with ExitStack() as stack:
        url = stack.enter_context(server())
        yield {service.name: stack.enter_context(service_database(url, service)) for service in LISTENERS}


def envelope(type_: str, data: Data, sequence: int = 1) -> Data:
    return {
        "specversion": "1.0",
        "id": str(new_id()),
        "source": f"/{parse_type(type_).service}",
        "type": type_,
        "subject": str(data.get("id") or new_id()),
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "sequence": sequence,
        "orgpath": data.get("org_path", "/HQ/N1/S1/"),
        "actor": "somebody",
        "data": data,
    }


def taken(database: ServiceDatabase, service: Service, sent: Data) -> Outcome:
    """Done, or to be tried again for a document that is not here; anything else fails the test with its reason."""
    outcome = receive(service, database.engine, sent)
    if outcome is not Outcome.DONE:
        with database.engine.connect() as connection:
            reason = connection.scalar(sa.text("SELECT reason FROM inbox WHERE event_id = :id"), {"id": sent["id"]})
        assert outcome is Outcome.RETRY and str(reason).startswith("Retry:"), f"{service.name}, {sent['type']}: {reason}"
    return outcome


@over("service, type_", CASES, listening)
def test_examples_are_taken(databases: dict[str, ServiceDatabase], service: Service, type_: str):
    sent = envelope(type_, schemas.example(type_))
    if taken(databases[service.name], service, sent) is Outcome.DONE:
        assert receive(service, databases[service.name].engine, sent) is Outcome.DUPLICATE


# ---------------------------------------------------------------- of the next release, and of the one before
def grown(schema: Data, value: Any) -> Any:
    """With a member more in every object, and a value nobody knows wherever the set is open."""
    if schema.get("x-open") and value is not None:
        return UNHEARD
    if isinstance(value, list):
        return [grown(schema.get("items", {}), one) for one in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties") or next((one["properties"] for one in schema.get("oneOf", ()) if "properties" in one), {})
    return {**{name: grown(known.get(name, {}), one) for name, one in value.items()}, "added_later": {"by": "whom"}}


def sparse(schema: Data, value: Data) -> Data:
    """Without the members that came later."""
    return {name: value[name] for name in value if name in schema["required"] or "x-verbs" in schema["properties"][name]}


@pytest.mark.parametrize("other", [grown, sparse])
@over("service, type_", CASES, listening)
def test_other_releases_are_taken(
    databases: dict[str, ServiceDatabase], service: Service, type_: str, other: Callable[[Data, Data], Data]
):
    data = other(schemas.schema(parse_type(type_).state), schemas.example(type_))
    taken(databases[service.name], service, envelope(type_, data))


@over("service, binding", WILD, listening)
def test_a_verb_that_nobody_knows_is_taken_for_a_change(databases: dict[str, ServiceDatabase], service: Service, binding: str):
    state = parse_type(binding).state
    assert type_of(state, UNHEARD) in subscriptions(service)
    taken(databases[service.name], service, envelope(type_of(state, UNHEARD), schemas.schema(state)["examples"][0]))


def test_only_who_listens_to_all_verbs_is_given_an_unknown_one():
    [finance] = [service for service in LISTENERS if service.name == "finance"]
    assert "aftersales.orders.work_order.unheard_of.v1" not in subscriptions(finance)
    assert "no.event.at.all" not in subscriptions(finance)


@over("service, type_", CASES, listening)
def test_who_locks_says_so(databases: dict[str, ServiceDatabase], service: Service, type_: str):
    """Else it would keep rows of others locked while it shares a transaction with fifteen more events."""
    declared = any(handler.locks for handler in subscriptions(service).handlers(type_))
    event = envelopes.parse(envelope(type_, schemas.example(type_)))
    with inbox.unit(service, databases[service.name].engine) as uow:
        with suppress(Retry):  # the example names documents that are not here: it gets as far as that
            inbox.handle_once(service, uow, event)
        assert declared or not uow.locking, f"{service.name} locks for {type_}: declare it with locks=True"


def test_an_event_that_breaks_its_contract_is_parked(databases: dict[str, ServiceDatabase]):
    service, type_ = CASES[0]
    outcome = receive(service, databases[service.name].engine, envelope(type_, {"surprise": True}))
    assert outcome is Outcome.PARKED
