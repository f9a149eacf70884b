"""Several events in one transaction: all of them or none, and the same state as one by one."""

from __future__ import annotations

import random
from contextlib import closing
from decimal import Decimal
from time import sleep
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from chassis.db.engine import make_engine
from chassis.messaging import inbox, listener, outbox, together, topology
from chassis.ops import trace
from tests.integration.messaging.conftest import MILL, SHOP, Broker, World, eventually
from tests.integration.messaging.shop.trade.sale import Sale
from tests.integration.messaging.test_courier import running

MADE = "aftersales.shop.sale.made.v1"


def receive(world: World, envelopes: list[Any]) -> bool:
    return together.receive(MILL, world.mill.engine, envelopes)


def transactions(world: World) -> int:
    return int(world.rows(world.mill, "SELECT count(DISTINCT xmin::text) AS n FROM inbox")[0].n)


def test_several_are_one_transaction(world: World) -> None:
    ids = world.sell(*[""] * 10)
    assert receive(world, world.envelopes())
    assert sorted(world.effects()) == sorted(ids)
    assert set(world.states().values()) == {"done"}
    assert transactions(world) == 1


@pytest.mark.parametrize("note", ["boom", "waits", "swallows", "broken off twice", "loses its connection"])
def test_when_one_fails_nothing_of_any_is_kept(world: World, note: str) -> None:
    ids = world.sell("", note, "")
    assert not receive(world, world.envelopes())
    assert not world.effects()
    assert not world.states()
    assert not world.copies()
    outcomes = [world.receive(envelope) for envelope in world.envelopes()]
    assert outcomes[0] == outcomes[2] == "done", "one by one the others go on"
    assert {ids[0], ids[2]} <= set(world.effects())


def test_a_repeat_among_them_has_no_second_effect(world: World) -> None:
    ids = world.sell("", "", "")
    envelopes = world.envelopes()
    world.receive(envelopes[1])
    assert not receive(world, envelopes)
    assert world.effects() == [ids[1]]
    assert not receive(world, [envelopes[0], envelopes[0]])
    assert world.effects() == [ids[1]]


@pytest.mark.parametrize("what", [None, {"id": "1"}, {"data": {"amount": "x"}}])
def test_what_is_no_event_keeps_nothing(world: World, what: Any) -> None:
    world.sell("", "")
    first, second = world.envelopes()
    assert not receive(world, [first, {**second, **what} if what and "data" in what else what])
    assert not world.states()


@pytest.mark.parametrize("seed", range(5))
def test_any_partition_of_shuffled_deliveries_reaches_the_same_state(world: World, seed: int) -> None:
    world.sell(*[""] * 4)
    expected = {}
    for number, row in enumerate(world.rows(world.shop, "SELECT id FROM shop_sales ORDER BY created_at")):
        for step in range(4):
            expected[row.id] = Decimal(f"{number}{step}.00")
            world.change(row.id, str(expected[row.id]))
    chance = random.Random(seed)
    deliveries = world.envelopes()
    chance.shuffle(deliveries)
    while deliveries:
        some = [deliveries.pop() for _ in range(min(len(deliveries), chance.randint(1, 6)))]
        assert receive(world, some)
    assert world.copies() == expected
    assert len(world.effects()) == 20


def test_who_locks_goes_alone() -> None:
    assert together.may_join(MILL, MADE)
    assert not together.may_join(MILL, "aftersales.shop.sale.counted.v1"), "its handler declares that it locks"
    assert together.may_join(MILL, "aftersales.shop.sale.unheard_of.v1"), "nobody handles it"


def test_each_is_handled_under_its_own_trace(world: World) -> None:
    parents = [f"00-{digit * 32}-{digit * 16}-01" for digit in "ab"]
    for parent in parents:
        world.sell("traced", traceparent=parent)
    assert receive(world, world.envelopes())
    found = {row.name.split("-")[1] for row in world.rows(world.mill, "SELECT name FROM mill_switches")}
    assert found == {"a" * 32, "b" * 32}
    assert trace.trace_id() is None


def test_a_database_that_is_away_is_no_failure(world: World) -> None:
    world.sell("", "")
    nowhere = make_engine("postgresql://nobody@127.0.0.1:1/nothing", connect_timeout=1)
    with pytest.raises(inbox.DatabaseAway):
        together.receive(MILL, nowhere, world.envelopes())


def test_turns_of_one_transaction_see_each_other_and_are_told_apart(world: World) -> None:
    world.sell("")
    [sale] = world.rows(world.shop, "SELECT id FROM shop_sales")
    with world.shop.uow() as uow:
        for turn, amount in enumerate(("20.00", "30.00")):
            uow.traceparent = f"00-{str(turn) * 31}1-{'1' * 16}-01"
            found = uow.get(Sale, sale.id)
            assert found.version == turn + 1
            found.change(Decimal(amount), "")
            uow.clear()
        assert uow.one(Sale, id=sale.id).amount == Decimal("30.00")  # type: ignore[union-attr]
    told = [(one["sequence"], one["data"]["amount"], one.get("traceparent", "")[3:4]) for one in world.envelopes()[1:]]
    assert told == [(2, "20.00", "0"), (3, "30.00", "1")]


def test_what_an_earlier_turn_wrote_goes_when_a_later_one_fails(world: World) -> None:
    world.sell("")
    [sale] = world.rows(world.shop, "SELECT id FROM shop_sales")
    for asked in (True, False):  # whether the later turn came as far as the database
        with pytest.raises(RuntimeError, match="enough"), world.shop.uow() as uow:
            uow.get(Sale, sale.id).change(Decimal("99.00"), "100 % wool 羊毛")
            uow.clear()
            if asked:
                assert uow.one(Sale, id=sale.id).note == "100 % wool 羊毛"  # type: ignore[union-attr]
            raise RuntimeError("enough")
    [row] = world.rows(world.shop, "SELECT amount FROM shop_sales")
    assert row.amount == Decimal("12.50")
    assert len(world.envelopes()) == 1


def test_the_courier_delivers_together_what_waits(world: World) -> None:
    ids = world.sell(*[""] * 60)
    with running():
        eventually(lambda: len(world.effects()) == 60 and not world.unsent())
    assert sorted(world.effects()) == sorted(ids)
    assert transactions(world) < 20


def test_a_slow_event_that_locks_keeps_no_other_waiting(world: World) -> None:
    world.sell("")
    [sale] = world.rows(world.shop, "SELECT id FROM shop_sales")
    with running():
        eventually(lambda: len(world.effects()) == 1)
        world.count(sale.id, "slow")
        sleep(0.05)
        other = world.sell("")
        eventually(lambda: len(world.effects()) == 3)
    assert world.effects()[1] == other[0]


def test_one_process_at_a_time_sends_what_waits(world: World) -> None:
    first, second = (listener.Listener(world.shop.app_url, "test") for _ in range(2))
    with closing(first), closing(second):
        outbox.Exclusive(first.connection)
        with pytest.raises(outbox.AlreadyLocked):
            outbox.Exclusive(second.connection)
        first.close()
        eventually(lambda: _free(second))


def _free(at: listener.Listener) -> bool:
    try:
        outbox.Exclusive(at.connection)
    except outbox.AlreadyLocked:
        return False
    return True


@pytest.mark.slow
def test_the_worker_handles_together_what_waits_and_the_rest_one_by_one(world: World, broker: Broker) -> None:
    topology.declare(broker.url, [SHOP, MILL])
    ids = world.sell(*[""] * 30, "boom", *[""] * 30)
    for envelope in world.envelopes():
        broker.publish(envelope["type"], orjson.dumps(envelope))
    broker.publish(MADE, b"[]")
    world.start("worker")
    eventually(lambda: len(world.effects()) == 60)
    assert sorted(world.effects()) == sorted(one for one in ids if one != ids[30])
    eventually(lambda: world.states()[ids[30]] == "parked")
    eventually(lambda: broker.depth("mill.undecodable") == 1)
    with world.mill.uow() as uow:
        done = uow.scalar(text("SELECT count(DISTINCT xmin::text) FROM inbox WHERE state = 'done'"))
    assert done < 40, "most of them not alone"
