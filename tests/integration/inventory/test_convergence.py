"""Whatever the order, number and parallelism of deliveries, the store room ends where a simple model says."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from chassis.messaging.inbox import Outcome
from tests.integration.inventory.store_room import Job, StoreRoom
from tests.support.serving import Served

DATABASE = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass
class Story:
    """All events of a job, and what must hold after the last of them, in whatever order they came."""

    job: Job
    far: StoreRoom
    """Where else its device may be."""
    events: list[dict[str, Any]] = field(default_factory=list)
    needed: dict[str, float] = field(default_factory=dict)
    repaired: bool = False
    answered: bool = True
    """False while a quote waits for approval: what is out stays out then."""
    bad: Counter[str] = field(default_factory=Counter)

    @classmethod
    def invent(cls, room: StoreRoom, far: StoreRoom, parts: list[str], luck: random.Random, length: int) -> Story:
        story = cls(room.job(), far)
        story.job.version = 1
        for _ in range(length):
            if story.events and luck.random() < 0.4:
                story.travel(luck)
            else:
                story.step(parts, luck)
        return story

    def step(self, parts: list[str], luck: random.Random) -> None:
        verb = luck.choice(
            [
                "quoted",
                "quote_approved",
                "quote_approved",
                "repaired",
                "repaired",
                "parts_returned",
                "cancelled",
            ]
        )
        changed: dict[str, Any] = {"repaired": verb == "repaired"}
        if verb == "parts_returned" and self.repaired and self.needed:
            part = luck.choice(sorted(self.needed))
            self.needed = {**self.needed, part: self.needed[part] - 1}
            quality = luck.choice(["good", "bad"])
            self.bad[part] += quality == "bad"
            return_id = str(UUID(int=luck.getrandbits(128), version=4))
            self.job.returns.append({"id": return_id, "part_id": part, "quantity": 1, "quality": quality})
            changed["repaired"] = True
        elif verb in ("quote_approved", "repaired"):
            self.needed = {
                part: luck.choice([1, 2, 3]) for part in luck.sample(parts, luck.randint(0, len(parts)))
            }
        else:
            verb, self.needed, changed["approved_version"] = (
                "cancelled" if verb == "cancelled" else "quoted",
                {},
                None,
            )
            changed["state"] = "cancelled" if verb == "cancelled" else "in_repair"
        self.needed = {part: amount for part, amount in self.needed.items() if amount > 0}
        self.repaired, self.answered = bool(changed["repaired"]), verb != "quoted"
        self.events.append(self.job.event(verb, self.needed, **changed))


    def travel(self, luck: random.Random) -> None:
        """The device leaves, stays after all, or arrives."""
        job = self.job
        if job.bound is None:
            job.bound = self.far if job.place is job.room else job.room
        else:
            job.place, job.bound = luck.choice([job.place, job.bound]), None
        self.events.append(again(self, "custody_changed"))


def settled(room: StoreRoom, stories: list[Story], parts: list[str], received: float) -> None:
    """Every job has exactly what it needs, from where its device is, and what is left lies where it belongs."""
    room.check()
    for story in stories:
        found, bound = story.job.requisition, story.job.bound
        assert (found["site_id"], found["bound_site_id"]) == (story.job.place.site_id, bound and bound.site_id)
        kept = "SELECT DISTINCT w.site_id FROM allocations a JOIN warehouses w ON w.id = a.warehouse_id WHERE a.requisition_id = :id AND a.reserved > 0"
        assert {str(row.site_id) for row in room.served.rows(kept, id=found["id"])} <= {story.job.place.site_id}
        lines = {line["part_id"]: line for line in story.job.requisition["lines"]}
        for part in parts:
            line = lines.get(part, {"reserved": 0, "issued": 0, "returned": 0, "short": 0})
            out, needed = line["issued"] - line["returned"], story.needed.get(part, 0)
            if story.answered:
                assert (out + line["reserved"], line["short"]) == (needed, 0)
            else:
                assert out >= 0 and (line["reserved"], line["short"]) == (0, 0)
            assert not story.repaired or out == needed or story.job.bound  # nothing leaves for a device on the road
            assert line["returned"] == sum(
                item["quantity"] for item in story.job.returns if item["part_id"] == part
            )
    for part in parts:
        items = room.ok("GET", "/stock", part_id=part)["items"]
        there = Counter({quality: 0.0 for quality in ("good", "bad")})
        for item in items:
            there[item["quality"]] += item["on_hand"]
        out = sum(
            line["issued"] - line["returned"]
            for story in stories for line in story.job.requisition["lines"] if line["part_id"] == part
        )  # fmt: skip
        bad = sum(story.bad[part] for story in stories)
        assert there == {"good": received - out - bad, "bad": bad}


@DATABASE
@given(luck=st.randoms(use_true_random=False))
def test_shuffled_and_repeated_events_end_the_same(inventory: Served, luck: random.Random) -> None:
    room, far = StoreRoom(inventory), StoreRoom(inventory)
    parts = [room.part(), room.part()]
    room.warehouse("G2")
    for part in parts:
        room.receive(part, 100)
        far.receive(part, 100)
    stories = [Story.invent(*luck.choice([(room, far), (far, room)]), parts, luck, luck.randint(1, 8)) for _ in range(3)]
    deliveries = [event for story in stories for event in story.events]
    deliveries += luck.choices(deliveries, k=4)
    luck.shuffle(deliveries)
    for event in deliveries:
        assert inventory.receive(event) in (Outcome.DONE, Outcome.DUPLICATE)
    settled(room, stories, parts, 200)


@pytest.mark.slow
@DATABASE
@given(luck=st.randoms(use_true_random=False))
def test_scarce_stock_is_shared_without_loss_and_a_receipt_settles_all(
    inventory: Served, luck: random.Random
) -> None:
    """Threads deliver the events of several jobs and receipts at the same time; parts are short nearly always."""
    room, far = StoreRoom(inventory), StoreRoom(inventory)
    parts, second = [room.part(), room.part()], room.warehouse("G2")
    stories = [Story.invent(*ends, parts, luck, 6) for ends in ((room, far), (far, room)) * 2]
    receipts = [(luck.choice(parts), luck.choice([room.good, second, far.good])) for _ in range(8)]
    received = Counter(part for part, _ in receipts)

    def deliver(story: Story) -> None:
        for event in story.events:  # in order: a return then names what had been out, or never could be
            assert inventory.receive(event) is Outcome.DONE
            assert inventory.receive(event) is Outcome.DUPLICATE
            story.job.issue()  # the storekeeper tries his luck as well

    def receive(index: int) -> None:
        for part, warehouse in receipts[index::2]:
            room.receive(part, 1, warehouse=warehouse)

    with ThreadPoolExecutor(6) as threads:
        waiting = [threads.submit(deliver, story) for story in stories]
        waiting += [threads.submit(receive, index) for index in range(2)]
        for each in waiting:
            each.result()
    room.check()
    for part in parts:
        room.receive(part, 100)
        far.receive(part, 100)
    for story in stories:  # told once more with the next sequence, everything open can be settled
        story.events.append(again(story, "repaired"))
        assert inventory.receive(story.events[-1]) is Outcome.DONE
    for part in parts:
        room.receive(part, 1)
        received[part] += 201
    for part in parts:
        settled(room, stories, [part], received[part])


def again(story: Story, verb: str) -> dict[str, Any]:
    """The last fact once more, and where the device is."""
    last = story.events[-1]["data"]
    changed = {name: last[name] for name in ("repaired", "returns", "approved_version", "state")}
    return story.job.event(verb, story.needed, **changed)
