"""One event, one effect: whatever the order, the repeats and the failures."""

from __future__ import annotations

import random
import threading
from decimal import Decimal
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chassis.db.engine import make_engine
from chassis.events.schemas import SchemaViolation
from chassis.messaging import inbox, parked
from chassis.messaging.inbox import DatabaseAway, Outcome, Undecodable
from chassis.ops import trace
from tests.integration.messaging.conftest import MILL, World
from tests.integration.messaging.proxy import Proxy


def make_due(world: World) -> None:
    with world.mill.uow() as uow:
        uow.execute(text("UPDATE inbox SET next_at = now() WHERE state = 'retry'"))


def test_a_repeated_delivery_has_no_second_effect(world: World) -> None:
    [event_id] = world.sell("")
    [envelope] = world.envelopes()
    assert [world.receive(envelope) for _ in range(3)] == [Outcome.DONE, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert world.effects() == [event_id]
    assert world.states() == {event_id: "done"}


def test_deliveries_at_once_have_one_effect(world: World) -> None:
    [event_id] = world.sell("slow")
    [envelope] = world.envelopes()
    outcomes: list[Outcome] = []
    threads = [threading.Thread(target=lambda: outcomes.append(world.receive(envelope))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [Outcome.DONE, *[Outcome.DUPLICATE] * 3]
    assert world.effects() == [event_id]


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_and_repeated_deliveries_reach_the_same_state(world: World, seed: int) -> None:
    world.sell(*[""] * 5)
    subjects = [row.id for row in world.rows(world.shop, "SELECT id FROM shop_sales ORDER BY created_at")]
    expected = {}
    for number, subject in enumerate(subjects):
        for step in range(4):
            expected[subject] = Decimal(f"{number}{step}.00")
            world.change(subject, str(expected[subject]))
    deliveries = world.envelopes() * 2
    random.Random(seed).shuffle(deliveries)
    for envelope in deliveries:
        world.receive(envelope)
    assert world.copies() == expected
    assert len(world.effects()) == len(set(world.effects())) == 25


def test_a_poisonous_event_is_parked_and_the_others_go_on(world: World) -> None:
    poison, good = world.sell("boom", "")
    first, second = world.envelopes()
    assert world.receive(first) is Outcome.RETRY
    assert world.receive(second) is Outcome.DONE
    for state in ("retry", "parked"):
        make_due(world)
        assert inbox.retry_due(MILL, world.mill.engine) == 1
        assert world.states()[poison] == state
    make_due(world)
    assert inbox.retry_due(MILL, world.mill.engine) == 0, "a parked event is left alone"
    assert world.effects() == [good]
    [entry] = parked.entries(world.mill.engine)
    assert (entry.event_id, entry.attempts, entry.reason) == (poison, 3, "ValueError: no luck for ***")
    shown = parked.show(world.mill.engine, poison)
    assert shown is not None
    assert shown.envelope == first
    assert "consumers.py" in shown.trace
    assert "13800138000" not in shown.trace


def test_delays_grow(world: World) -> None:
    world.sell("boom")
    world.receive(world.envelopes()[0])
    waits = []
    for _ in range(2):
        [row] = world.rows(
            world.mill,
            "SELECT extract(epoch FROM next_at - now())::float8 AS wait FROM inbox WHERE state = 'retry'",
        )
        waits.append(row.wait)
        make_due(world)
        inbox.retry_due(MILL, world.mill.engine)
    assert 0.1 < waits[0] <= 0.25
    assert 0.3 < waits[1] <= 0.5


def test_redriven_events_begin_again(world: World) -> None:
    one, two, three = world.sell("waits", "waits", "waits")
    for envelope in world.envelopes():
        world.receive(envelope)
    for _ in range(2):
        make_due(world)
        inbox.retry_due(MILL, world.mill.engine)
    assert set(world.states().values()) == {"parked"}
    engine = world.mill.engine
    assert parked.redrive(engine, event_id=one) == 1
    assert parked.redrive(engine, event_id=uuid4()) == 0
    assert parked.redrive(engine, type_="aftersales.shop.sale.changed.v1") == 0
    world.switch_on()
    assert inbox.retry_due(MILL, engine) == 1
    assert world.effects() == [one]
    assert parked.redrive(engine) == 2
    assert inbox.retry_due(MILL, engine) == 2
    assert sorted(world.effects()) == sorted([one, two, three])
    assert set(world.states().values()) == {"done"}


def test_a_kept_event_delivered_again_is_not_handled_beside_its_schedule(world: World) -> None:
    [event_id] = world.sell("waits")
    [envelope] = world.envelopes()
    assert [world.receive(envelope), world.receive(envelope)] == [Outcome.RETRY, Outcome.DUPLICATE]
    world.switch_on()
    make_due(world)
    assert inbox.retry_due(MILL, world.mill.engine) == 1
    assert world.effects() == [event_id]


def test_retries_at_once_share_the_work(world: World) -> None:
    ids = world.sell(*["waits"] * 6)
    for envelope in world.envelopes():
        world.receive(envelope)
    world.switch_on()
    make_due(world)
    tried: list[int] = []
    threads = [
        threading.Thread(target=lambda: tried.append(inbox.retry_due(MILL, world.mill.engine)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(tried) == 6
    assert sorted(world.effects()) == sorted(ids)


def test_an_event_against_its_contract_is_parked_at_once(world: World) -> None:
    world.sell("")
    [envelope] = world.envelopes()
    wrong = {**envelope, "data": {"amount": "+8613800138000"}}
    assert world.receive(wrong) is Outcome.PARKED
    [entry] = parked.entries(world.mill.engine)
    assert "amount" in entry.reason
    assert "note" in entry.reason
    assert "8613800138000" not in entry.reason, "values may be personal"


@pytest.mark.parametrize("what", [None, [], {}, {"id": "1"}, "text"])
def test_what_is_no_envelope_cannot_be_kept(world: World, what: Any) -> None:
    with pytest.raises(Undecodable):
        world.receive(what)


def test_types_nobody_listens_to_leave_no_row(world: World) -> None:
    world.sell("")
    [envelope] = world.envelopes()
    other = {**envelope, "type": "aftersales.shop.sale.forgotten.v1", "data": {}}
    assert world.receive(other) is Outcome.IGNORED
    assert world.states() == {}


@pytest.mark.parametrize("note", ["broken off twice", "loses its connection"])
def test_what_the_database_broke_off_is_done_again_at_once(world: World, note: str) -> None:
    [event_id] = world.sell(note)
    assert world.receive(world.envelopes()[0]) is Outcome.DONE
    assert world.effects() == [event_id]


def test_a_failed_statement_that_a_handler_swallows_is_no_success(world: World) -> None:
    [event_id] = world.sell("swallows")
    assert world.receive(world.envelopes()[0]) is Outcome.RETRY
    assert world.states() == {event_id: "retry"}
    assert world.effects() == []


def test_while_the_database_is_away_nothing_is_stored_or_counted(world: World) -> None:
    url = urlsplit(world.mill.app_url)
    if url.hostname is None:
        pytest.skip("the database has no TCP port to cut")
    [event_id] = world.sell("")
    [envelope] = world.envelopes()
    with Proxy(url.hostname, url.port or 5432) as proxy:
        place = url.netloc.rpartition("@")[0] + f"@127.0.0.1:{proxy.port}"
        engine = make_engine(urlunsplit(url._replace(netloc=place)), size=2)
        proxy.refuse()
        started = monotonic()
        for _ in range(20):
            with pytest.raises(DatabaseAway):
                inbox.receive(MILL, engine, envelope)
            with pytest.raises(DatabaseAway):
                inbox.retry_due(MILL, engine)
        assert monotonic() - started < 5
        proxy.accept()
        assert inbox.receive(MILL, engine, envelope) is Outcome.DONE
        proxy.cut()  # pooled connections are dead now: made anew, not counted
        assert inbox.receive(MILL, engine, envelope) is Outcome.DUPLICATE
        engine.dispose()
    assert world.effects() == [event_id]
    assert world.rows(world.mill, "SELECT attempts FROM inbox")[0].attempts == 1


def test_the_outbox_tells_who_what_where(world: World) -> None:
    [event_id] = world.sell("")
    [row] = world.rows(world.shop, "SELECT * FROM outbox")
    [sale] = world.rows(world.shop, "SELECT * FROM shop_sales")
    assert row.sent_at is None
    assert row.envelope == {
        "specversion": "1.0",
        "id": str(event_id),
        "source": "/shop",
        "type": "aftersales.shop.sale.made.v1",
        "subject": str(sale.id),
        "time": row.created_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "sequence": 1,
        "orgpath": "/HQ/B1/S1/",
        "actor": "system:test",
        "data": {"amount": "12.50", "note": ""},
    }
    assert UUID(row.envelope["id"]).version == 7


def test_a_fact_against_its_contract_never_leaves_its_transaction(world: World) -> None:
    with pytest.raises(SchemaViolation, match="amount"):
        world.sell("", amount="12.505")
    assert world.rows(world.shop, "SELECT count(*) AS n FROM shop_sales")[0].n == 0


@pytest.mark.parametrize("way", ["at once", "on the second try"])
def test_the_trace_goes_on_in_what_a_handler_causes(world: World, way: str) -> None:
    with trace.span() as span:
        world.sell("traced", traceparent=span.traceparent)
    [envelope] = world.envelopes()
    assert envelope["traceparent"] == span.traceparent
    if way == "on the second try":
        kept = {**envelope, "data": {**envelope["data"], "note": "boom"}}
        assert world.receive(kept) is Outcome.RETRY
        with world.mill.uow() as uow:
            uow.execute(text("UPDATE inbox SET envelope = jsonb_set(envelope, '{data,note}', '\"traced\"')"))
        make_due(world)
        inbox.retry_due(MILL, world.mill.engine)
    else:
        world.receive(envelope)
    [caused] = [row.name for row in world.rows(world.mill, "SELECT name FROM mill_switches")]
    assert caused.split("-")[1] == span.trace_id
    assert caused.split("-")[2] != span.span_id
