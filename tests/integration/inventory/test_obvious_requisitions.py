"""Random requisitions, planned and by hand, of orders and without one, held against an obvious store: piece by piece, who may have it, and at
which of two sites it lies while devices go to and fro between them (O-101)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings, strategies as st

from tests.integration.inventory.store_room import Job, Slip, StoreRoom
from tests.integration.inventory.test_convergence import DATABASE
from tests.integration.inventory.test_reservations import hold, pass_by
from tests.support.serving import Served


@dataclass
class Asked:
    """A requisition made by hand: how many it asked for, has out, and got back."""

    slip: Slip
    asked: int
    draws: bool
    out: int = 0
    returned: int = 0
    needed: int = 0
    held: int = 0
    applied: bool = True
    over: bool = False
    was: int = 0
    """Out when it was last compared, here and below."""

    @property
    def claim(self) -> int:
        return self.asked - self.returned if self.applied and not self.over else 0


@dataclass
class Order:
    job: Job
    need: int = 0
    out: int = 0
    returned: int = 0
    over: bool = False
    slips: list[Asked] = field(default_factory=list)
    was: int = 0

    @property
    def here(self) -> bool:
        """Not on the road."""
        return self.job.bound is None

    def drawing(self) -> list[Asked]:
        return [asked for asked in self.slips if asked.draws]

    def planned(self) -> int:
        return self.need_left(self.drawing())

    def need_left(self, drawing: list[Asked]) -> int:
        return self.need - sum(asked.needed for asked in drawing)

    def divide(self) -> None:
        """The need, a piece at a time: to who has it out, the oldest first and what is planned last; then to who asked for it."""
        drawing, planned, left = self.drawing(), 0, self.need
        for asked in drawing:
            asked.needed = 0
        for asked in drawing:
            while left and asked.needed < asked.out:
                asked.needed, left = asked.needed + 1, left - 1
        while left and planned < self.out:
            planned, left = planned + 1, left - 1
        for asked in drawing:
            while left and asked.needed < asked.claim:
                asked.needed, left = asked.needed + 1, left - 1
        for asked in drawing:  # what is out beyond it crossed with a smaller quote
            asked.out = min(asked.out, asked.needed)
        self.out = min(self.out, planned + left)


class Tale:
    def __init__(self, served: Served, luck: random.Random) -> None:
        self.luck, self.room, self.far = luck, StoreRoom(served), StoreRoom(served)
        self.part = self.room.part()
        self.on_hand = {self.room.site_id: 0, self.far.site_id: 0}
        self.orders, self.alone = list[Order](), list[Asked]()

    def slips(self) -> Iterator[Asked]:
        """That may be changed."""
        yield from self.alone
        for order in self.orders:
            if order.here:
                yield from order.slips

    def of(self, asked: Asked) -> Order | None:
        return next((order for order in self.orders if asked in order.slips), None)

    def receive(self) -> None:
        count, room = self.luck.randint(1, 5), self.luck.choice([self.room, self.far])
        room.receive(self.part, count)
        self.on_hand[room.site_id] += count

    def order(self) -> None:
        order = Order(self.luck.choice([self.room, self.far]).job(), self.luck.randint(2, 6))
        order.job.approve({self.part: order.need})
        self.orders.append(order)

    def live(self) -> list[Order]:
        return [order for order in self.orders if not order.over]

    def at_hand(self) -> list[Order]:
        return [order for order in self.live() if order.here]

    def travel(self) -> None:
        """A device leaves for the other site, or what is on the road arrives or stays: then what was held for drafts is free."""
        if self.orders:
            job = (order := self.luck.choice(self.orders)).job
            if order.here:
                job.send(self.far if job.place is self.room else self.room)
            elif self.luck.random() < 0.8:
                job.arrive()
                for asked in order.slips:
                    asked.held = 0
            else:
                job.bound = None
                job.again()

    def meddle(self) -> None:
        """Nobody does anything for a device on the road."""
        for order in self.orders:
            if not order.here:
                body = {"work_order_id": order.job.id, "type": "internal", "lines": [{"part_id": self.part, "quantity": 1}]}
                answers = [order.job.issue(), self.room.served.call("POST", "/requisitions", body)]
                answers += [asked.slip.attempt("cancel", {"reason": "x"}) for asked in order.slips]
                assert {answer.json()["code"] for answer in answers} == {"held_elsewhere"}

    def requote(self) -> None:
        if orders := self.live():
            order = self.luck.choice(orders)
            order.need = self.luck.randint(0, 6)
            order.job.approve({self.part: order.need} if order.need else {})
            order.divide()

    def ask(self) -> None:
        order = self.luck.choice([None, *self.at_hand(), *self.at_hand()])
        draws = order is not None and self.luck.random() < 0.8
        count, draft = self.luck.randint(1, 4), self.luck.random() < 0.2
        where = {"work_order_id": order.job.id} if order else {"site_id": self.room.site_id}
        body = {**where, "type": "normal" if draws else "internal", "lines": [{"part_id": self.part, "quantity": count}], "draft": draft}
        answer = self.room.served.call("POST", "/requisitions", body)
        refused = draws and not draft and order is not None and count > order.planned() - order.out
        assert answer.status_code == (422 if refused else 201), answer.text
        if not refused:
            made = Asked(Slip(self.room, answer.json()["id"]), count, draws, applied=not draft, needed=0 if draws or draft else count)
            (order.slips if order else self.alone).append(made)
            if order:
                order.divide()

    def apply(self) -> None:
        if drafts := [asked for asked in self.slips() if not asked.applied and not asked.over]:
            asked = self.luck.choice(drafts)
            order = self.of(asked)
            refused = asked.draws and order is not None and asked.asked > order.planned() - order.out
            answer = asked.slip.attempt("apply")
            assert answer.status_code == (422 if refused else 200), answer.text
            if not refused:
                asked.applied, asked.held = True, 0
                asked.needed = 0 if asked.draws else asked.asked
                if order:
                    order.divide()

    def hold(self) -> None:
        if drafts := [asked for asked in self.slips() if not asked.applied and not asked.over]:
            asked = self.luck.choice(drafts)
            count = self.luck.randint(1, 3)
            before, reserved = (order.job.place if (order := self.of(asked)) else self.room).stock(self.part)
            answer = asked.slip.attempt("reserve", hold(self.part, count))
            assert answer.status_code == (200 if count <= before - reserved + asked.held else 409), answer.text
            if answer.status_code == 200:
                asked.held = count

    def expire(self) -> None:
        if held := [asked for asked in self.slips() if asked.held]:
            asked = self.luck.choice(held)
            pass_by(self.room, asked.slip)
            asked.held = 0

    def issue(self) -> None:
        """All that it needs, or nothing where it is short."""
        if orders := [order for order in self.at_hand() if order.planned()]:
            order = self.luck.choice(orders)
            short = order.job.line(self.part)[-1]
            assert order.job.issue().status_code == (409 if short else 200)
            order.out = order.out if short else max(order.out, order.planned())

    def fetch(self) -> None:
        if slips := [asked for asked in self.slips() if asked.needed > asked.out]:
            asked = self.luck.choice(slips)
            short = asked.slip.line(self.part)[-1]
            assert asked.slip.attempt("issue").status_code == (409 if short else 200)
            asked.out = asked.out if short else asked.needed

    def give_back(self) -> None:
        """Through the order: what is planned comes back first, then of the youngest by hand."""
        if orders := [order for order in self.live() if order.out or any(asked.out for asked in order.drawing())]:
            order = self.luck.choice(orders)
            most = order.out + sum(asked.out for asked in order.drawing())
            count = self.luck.randint(1, most)
            order.need = max(order.need - count, 0)
            order.job.give_back(self.part, count, "good", {self.part: order.need} if order.need else {})
            back = min(order.out, count)
            order.out, order.returned = order.out - back, order.returned + back
            for asked in reversed(order.drawing()):
                less = min(asked.out, count - back)
                asked.out, asked.returned, back = asked.out - less, asked.returned + less, back + less
            order.divide()

    def bring_back(self) -> None:
        if slips := [asked for asked in self.slips() if not asked.draws and asked.out]:
            asked = self.luck.choice(slips)
            count = self.luck.randint(1, asked.out + 1)
            assert asked.slip.give_back(self.part, count).status_code == (200 if count <= asked.out else 409)
            if count <= asked.out:
                asked.out, asked.returned, asked.needed = asked.out - count, asked.returned + count, asked.needed - count

    def drop(self) -> None:
        """Nobody comes for it."""
        if slips := [asked for asked in self.slips() if asked.applied and not asked.over and not asked.out and asked.needed]:
            asked = self.luck.choice(slips)
            asked.slip.do("cancel", {"reason": "x"})
            asked.over, asked.needed = True, 0
            for order in self.orders:
                order.divide()

    def cancel(self) -> None:
        if orders := self.live():
            order = self.luck.choice(orders)
            order.job.cancel()
            order.over, order.need, order.out = True, 0, 0
            for asked in order.slips:
                asked.held = 0
                if asked.draws or not asked.out:
                    asked.over, asked.out, asked.needed = True, 0, 0
                else:
                    asked.asked, asked.needed = asked.out + asked.returned, asked.out

    def compare(self) -> None:
        slips = [*self.alone, *(asked for order in self.orders for asked in order.slips)]
        for asked in slips:
            line = next(iter(asked.slip.now["lines"]), None)
            seen = (line["needed"], line["issued"] - line["returned"], line["held"]) if line else (0, 0, 0)
            assert seen == (asked.needed, asked.out, asked.held), asked
        for order in self.orders:
            line = next(iter(order.job.requisition["lines"]), None)
            seen = (line["needed"], line["issued"] - line["returned"]) if line else (0, 0)
            assert seen == (order.planned() if not order.over else 0, order.out), order
        for order in self.orders:
            for one in (order, *order.slips):
                self.moved(one, order.job.place)
        for asked in self.alone:
            self.moved(asked, self.room)
        assert {room.site_id: room.stock(self.part)[0] for room in (self.room, self.far)} == self.on_hand
        self.room.check()

    def moved(self, one: Order | Asked, room: StoreRoom) -> None:
        """What went out since left the store of the site that has the device, what came back came there."""
        self.on_hand[room.site_id] -= one.out - one.was
        one.was = one.out


@settings(DATABASE, max_examples=25)
@given(luck=st.randoms(use_true_random=False), steps=st.integers(6, 18))
def test_requisitions_are_as_an_obvious_store_would_have_them(inventory: Served, luck: random.Random, steps: int) -> None:
    tale = Tale(inventory, luck)
    for step in (tale.receive, tale.receive, tale.receive, tale.order, tale.ask, tale.ask, tale.issue, tale.fetch):
        step()
    moves = [tale.receive, tale.order, tale.requote, tale.give_back, tale.ask, tale.ask, tale.ask, tale.apply, tale.hold, tale.expire, tale.issue, tale.fetch,
             tale.fetch, tale.give_back, tale.bring_back, tale.drop, tale.cancel, tale.travel, tale.travel, tale.travel, tale.meddle]  # fmt: skip
    for _ in range(steps):
        luck.choice(moves)()
        tale.compare()
