"""Who of the courier's threads takes which events: order of each aggregate, nobody in two hands, nothing lost, whatever the
threads' pace. No database: what a delivery does is told by the test."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given, settings as profile, strategies as st

from chassis.messaging import inbox, together
from chassis.messaging.inbox import DatabaseAway
from chassis.messaging.outbox import OutboxRow
from chassis.messaging.target import AWAY, CONCURRENCY, Target
from chassis.ops.loops import Stop
from chassis.ops.settings import settings
from chassis.service import Service

Task = Callable[[], None]
DELIVERED, NOT_BEGUN = "delivered", "not begun"


class Threads:
    """A pool whose tasks begin when the test says."""

    def __init__(self) -> None:
        self.ready: list[Task] = []

    def submit(self, work: Callable[..., None], *arguments: Any) -> None:
        self.ready.append(lambda: work(*arguments))


class Bench:
    """A target whose deliveries are told: ``calls`` has the positions of each, ``told`` what became of each row."""

    def __init__(self) -> None:
        self.threads, self.stop = Threads(), Stop()
        self.target = Target(Service("nowhere", "tests.unit", contexts=()), self.threads, self.stop)  # type: ignore[arg-type]
        self.target.run = self.run  # type: ignore[method-assign]
        self.calls: list[list[int]] = []
        self.done: list[int] = []
        self.told: dict[int, list[str]] = defaultdict(list)
        self.fail: Callable[[Any, list[int]], Exception | None] = lambda _work, _positions: None

    def run(self, work: Any, given: Any) -> bool:
        positions = [one["position"] for one in (given if work is together.receive else [given])]
        self.calls.append(positions)
        if error := self.fail(work, positions):
            raise error
        self.done += positions
        return True

    def offer(self, *rows: tuple[int, str, str]) -> None:
        """Rows by position, subject and type."""
        deliveries = self.target.submit([
            OutboxRow(position, str(position), type_, subject, 0, orjson.dumps({"position": position}).decode())
            for position, subject, type_ in rows
        ])
        for delivery in deliveries:  # a second outcome of one would raise
            delivery.outcome.add_done_callback(partial(self.tell, delivery.row.position))

    def tell(self, position: int, outcome: Future[str | None]) -> None:
        self.told[position].append(NOT_BEGUN if outcome.cancelled() else outcome.result() or DELIVERED)

    def work(self, choose: Callable[[int], int] = lambda _count: 0) -> None:
        while self.threads.ready:
            self.threads.ready.pop(choose(len(self.threads.ready)))()


@pytest.fixture(autouse=True)
def nowhere() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFTERSALES_DATABASE_URL_NOWHERE", "postgresql://nobody@127.0.0.1:1/none")
        patch.setattr(together, "may_join", lambda _service, type_: type_ == "joins")
        settings.cache_clear()
        yield
    settings.cache_clear()


@profile(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["joins", "alone"])), max_size=60), st.integers(0, 2**32))
def test_each_aggregate_in_order_each_row_once_whatever_the_threads_do(events: list[tuple[int, str]], seed: int) -> None:
    bench, chance = Bench(), random.Random(seed)
    subjects = {position: str(subject) for position, (subject, _) in enumerate(events)}
    for position, (subject, type_) in enumerate(events):
        bench.offer((position, str(subject), type_))
        if bench.threads.ready and chance.random() < 0.4:
            bench.threads.ready.pop(chance.randrange(len(bench.threads.ready)))()
    bench.work(chance.randrange)
    assert bench.told == {position: [DELIVERED] for position in range(len(events))}
    for subject in set(subjects.values()):
        own = [position for position in bench.done if subjects[position] == subject]
        assert own == sorted(own)
    assert all(len(call) == 1 or all(events[position][1] == "joins" for position in call) for call in bench.calls)


def test_one_load_of_joined_ones_and_a_few_aggregates_at_a_time() -> None:
    bench = Bench()
    bench.offer(*((n, f"alone {n}", "alone") for n in range(CONCURRENCY + 3)), *((100 + n, f"joins {n}", "joins") for n in range(40)))
    assert len(bench.threads.ready) == CONCURRENCY + 1
    bench.threads.ready.pop()()  # those that join: sixteen, and the next thread begins with what is left
    assert bench.calls == [[100 + n for n in range(together.MOST)]] and len(bench.threads.ready) == CONCURRENCY + 1
    bench.work()
    assert sorted(bench.done) == [*range(CONCURRENCY + 3), *range(100, 140)]


def test_an_event_that_may_join_waits_for_one_before_it_that_may_not() -> None:
    bench = Bench()
    bench.offer((1, "a", "alone"), (2, "a", "joins"), (3, "b", "joins"))
    bench.threads.ready.pop(1)()
    assert bench.done == [3]
    bench.offer((4, "a", "joins"))
    assert len(bench.threads.ready) == 1, "what came later to an aggregate in hand is taken by nobody"
    bench.work()
    assert bench.done == [3, 1, 2, 4]


def test_what_fails_together_is_told_of_one_by_one() -> None:
    bench = Bench()
    bench.fail = lambda work, positions: ValueError("no") if work is together.receive or positions == [2] else None
    bench.offer(*((n, str(n), "joins") for n in range(4)))
    bench.work()
    assert bench.calls == [[0, 1, 2, 3], [0], [1], [2], [3]]
    assert bench.told == {0: [DELIVERED], 1: [DELIVERED], 2: ["ValueError for nowhere"], 3: [DELIVERED]}


def test_a_database_that_is_away_is_left_alone_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, now, asked = Bench(), [100.0], []
    monkeypatch.setattr("chassis.messaging.target.monotonic", lambda: now[0])
    monkeypatch.setattr(inbox, "receive", lambda _service, _engine, given: asked.append(given["position"]) or away())

    def away() -> None:
        raise DatabaseAway("away")

    del bench.target.run  # type: ignore[attr-defined]  # the class's own
    bench.offer((1, "a", "alone"))
    bench.offer((2, "b", "alone"))
    bench.work()
    assert asked == [1] and bench.told == {1: ["nowhere away"], 2: ["nowhere away"]}
    now[0] += AWAY + 0.1
    bench.offer((3, "c", "alone"))
    bench.work()
    assert asked == [1, 3]


def test_what_nobody_began_is_given_back_at_the_end() -> None:
    bench = Bench()
    bench.offer(*((n, str(n), "alone") for n in range(CONCURRENCY + 2)))
    bench.threads.ready.pop(0)()
    bench.stop.set()
    bench.work()
    assert bench.done == [0]
    assert bench.told == {0: [DELIVERED], **{n: [NOT_BEGUN] for n in range(1, CONCURRENCY + 2)}}
