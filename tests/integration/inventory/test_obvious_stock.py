"""Random receipts, issues, returns, cancels that crossed, sendings and arrivals, with and without bins and serial numbers, held against
a slow and obvious stock: heaps of pieces, and what each heap is worth."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from chassis.domain.aggregate import new_id
from services.inventory.stock import Document, Quality
from tests.integration.inventory.store_room import Job, StoreRoom
from tests.integration.inventory.test_bins import stock
from tests.integration.inventory.test_convergence import DATABASE
from tests.support.serving import Served

Heap = tuple[str, str | None]
"""A warehouse, and a bin of it or None."""


def part_of(value: Decimal, count: int, whole: int) -> Decimal:
    return value if count == whole else (value * count / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP)


@dataclass
class Out:
    """What is out for one order: how many, worth what, which pieces (and from which bin), how many left each bin."""

    job: Job
    count: int = 0
    value: Decimal = Decimal(0)
    pieces: dict[str, str | None] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)


class Obvious:
    def __init__(self) -> None:
        self.heaps: Counter[Heap] = Counter()
        self.worth: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.pieces: dict[str, Heap] = {}

    def count(self, where: str) -> int:
        return sum(count for (warehouse, _), count in self.heaps.items() if warehouse == where)

    def put(self, heap: Heap, count: int, value: Decimal, pieces: list[str]) -> None:
        self.heaps[heap] += count
        self.worth[heap[0]] += value
        self.pieces |= dict.fromkeys(pieces, heap)

    def take(self, where: str, count: int, pieces: list[str], value: Decimal | None = None, first: str | None = None) -> tuple[Decimal, Counter[str | None]]:
        """The value, and how many left each bin: pieces from where they lie, others from the ``first``, then from none, then by code."""
        average = part_of(self.worth[where], count, self.count(where))
        value = average if value is None or count == self.count(where) else min(value, self.worth[where])
        self.worth[where] -= value
        left: Counter[str | None] = Counter()
        if pieces:
            for piece in pieces:
                left[self.pieces.pop(piece)[1]] += 1
        else:
            for bin_ in sorted((None, "A1", "B1"), key=lambda bin_: bin_ != first):
                amount = min(count - left.total(), self.heaps[where, bin_])
                left[bin_] += amount
        for bin_, amount in left.items():
            self.heaps[where, bin_] -= amount
        assert left.total() == count
        return value, left


class Tale:
    """A site with two bins, a bad store, and another site, told to the product and to the obvious stock alike."""

    def __init__(self, served: Served, luck: random.Random, tracked: bool, binned: bool) -> None:
        self.luck, self.tracked, self.room, self.other = luck, tracked, StoreRoom(served), StoreRoom(served)
        self.part, self.bad = self.room.part(serial_tracked=tracked), self.room.warehouse("B1", "bad")
        self.bins: dict[str | None, str] = {}
        for code in ("B1", "A1") if binned else ():
            self.bins[code] = self.room.ok("POST", "/bins", {"warehouse_id": self.room.good, "code": code, "name": "x"})["id"]
        self.stock, self.outs, self.received, self.serial, self.transit = Obvious(), list[Out](), Decimal(0), 0, ""
        self.receipts: list[tuple[str, int, Decimal, str | None, list[str]]] = []

    def chosen(self, where: str, count: int) -> list[str]:
        there = [piece for piece, heap in self.stock.pieces.items() if heap[0] == where]
        return self.luck.sample(sorted(there), count) if self.tracked else []

    def receive(self) -> None:
        count, cost = self.luck.randint(1, 4), Decimal(self.luck.randint(1, 99999)).scaleb(-4)
        bin_ = self.luck.choice([None, *self.bins])
        pieces = [f"S-{self.serial + n}" for n in range(count)] if self.tracked else []
        self.serial += count
        more = {"serial_numbers": pieces} if pieces else {}
        made = self.room.receive(self.part, count, str(cost), **({"bin_id": self.bins[bin_]} if bin_ else {}), **more)
        self.receipts.append((made["id"], count, cost * count, bin_, pieces))
        self.stock.put((self.room.good, bin_), count, cost * count, pieces)
        self.received += cost * count

    def take_back(self) -> None:
        """A receipt is reversed where all it brought lies there, at what it came in with."""
        if self.receipts:
            made = self.luck.choice(self.receipts)
            id_, count, value, bin_, pieces = made
            lies = all(self.stock.pieces.get(piece, ("", None))[0] == self.room.good for piece in pieces)
            answer = self.room.served.call("POST", f"/stock-receipts/{id_}/reverse", {"reason": "x"})
            assert answer.status_code == (200 if lies and count <= self.stock.count(self.room.good) else 409), answer.text
            if answer.status_code == 200:
                self.receipts.remove(made)
                self.received -= self.stock.take(self.room.good, count, pieces, value, bin_)[0]

    def issue(self) -> None:
        if there := self.stock.count(self.room.good):
            count = self.luck.choice([there, self.luck.randint(1, there)])  # all of it empties every bin
            pieces, out = self.chosen(self.room.good, count), Out(self.room.job().approve({self.part: count}), count)
            out.pieces = {piece: self.stock.pieces[piece][1] for piece in pieces}
            assert out.job.issue({self.part: pieces} if pieces else None).status_code == 200
            out.value, left = self.stock.take(self.room.good, count, pieces)
            out.left = Counter({bin_: amount for bin_, amount in left.items() if bin_})
            self.outs.append(out)

    def give_back(self) -> None:
        if outs := [out for out in self.outs if out.count]:
            out, good = self.luck.choice(outs), self.luck.random() < 0.5
            count = self.luck.randint(1, out.count)
            pieces = self.luck.sample(sorted(out.pieces), count) if self.tracked else []
            out.job.give_back(self.part, count, "good" if good else "bad", {self.part: out.count - count} if out.count > count else {}, pieces)
            self._in_again(out, count, pieces, self.room.good if good else self.bad)

    def cancel(self) -> None:
        if outs := [out for out in self.outs if out.count]:
            out = self.luck.choice(outs)
            out.job.cancel()
            self._in_again(out, out.count, sorted(out.pieces), self.room.good)

    def _in_again(self, out: Out, count: int, pieces: list[str], where: str) -> None:
        """At the cost it left with, piece by piece or all at once; into the good store where it lay, of others than pieces the last ones
        first."""
        for piece in pieces:
            bin_ = out.pieces.pop(piece)
            self.stock.put((where, bin_ if where == self.room.good else None), 1, self._cost(out, 1), [piece])
        if not pieces:
            self.stock.put((where, None), count, self._cost(out, count), [])
            for code in ("B1", "A1") if where == self.room.good else ():
                amount = min(out.left[code], count)
                out.left[code] -= amount
                count -= amount
                self.stock.heaps[where, code] += amount
                self.stock.heaps[where, None] -= amount

    def _cost(self, out: Out, count: int) -> Decimal:
        value = part_of(out.value, count, out.count)
        out.count, out.value = out.count - count, out.value - value
        return value

    def ship(self) -> None:
        if there := self.stock.count(self.room.good):
            count = self.luck.randint(1, there)
            pieces = self.chosen(self.room.good, count)
            with self.room.opened(self.part, pieces=pieces) as (store,):
                named = [piece for text in pieces if (piece := store.piece(UUID(self.part), text))]
                store.ship(store.shelf(UUID(self.room.good), UUID(self.part)), Decimal(count), Document("transfer", new_id()), named)
                self.transit = str(store.transit_place())
            value, _ = self.stock.take(self.room.good, count, pieces)
            self.stock.put((self.transit, None), count, value, pieces)

    def arrive(self) -> None:
        if self.transit and (there := self.stock.count(self.transit)):
            count = self.luck.randint(1, there)
            pieces = self.chosen(self.transit, count)
            with self.room.opened(self.part, self.other, pieces=pieces) as (store, far):
                named = [piece for text in pieces if (piece := store.piece(UUID(self.part), text))]
                road = store.shelf(UUID(self.transit), UUID(self.part), Quality.GOOD)
                store.arrive(road, far, UUID(self.other.good), Decimal(count), Document("transfer", new_id()), named)
            value, _ = self.stock.take(self.transit, count, pieces)
            self.stock.put((self.other.good, None), count, value, pieces)

    def compare(self) -> None:
        codes = {id_: code for code, id_ in self.bins.items()}
        rows = stock(self.room, "bin", part_id=self.part)["items"]
        assert {(row["warehouse_id"], row["bin_code"]): row["on_hand"] for row in rows} == {heap: n for heap, n in self.stock.heaps.items() if n}
        worth = self.room.served.rows("SELECT warehouse_id::text, sum(value) FROM stock WHERE part_id = :part GROUP BY 1", part=self.part)
        assert {where: value for where, value in worth if value} == {where: value for where, value in self.stock.worth.items() if value}
        lie = self.room.served.rows("SELECT number, warehouse_id::text, bin_id::text FROM serials WHERE part_id = :part AND place NOT IN ('order', 'supplier')", part=self.part)
        assert {number: (where, codes.get(bin_)) for number, where, bin_ in lie} == self.stock.pieces
        for out in self.outs:
            gone = self.room.ok("GET", "/serials", work_order_id=out.job.id)["items"]
            assert {item["number"] for item in gone} == out.pieces.keys()
        assert sum(self.stock.worth.values(), Decimal(0)) + sum((out.value for out in self.outs), Decimal(0)) == self.received
        self.room.check()


@pytest.mark.parametrize(("tracked", "binned"), [(False, False), (False, True), (True, False), (True, True)])
@settings(DATABASE, max_examples=15)
@given(luck=st.randoms(use_true_random=False), steps=st.integers(6, 16))
def test_the_store_room_is_as_an_obvious_one(inventory: Served, tracked: bool, binned: bool, luck: random.Random, steps: int) -> None:
    tale = Tale(inventory, luck, tracked, binned)
    tale.receive()
    tale.receive()
    for _ in range(steps):
        luck.choice([tale.receive, tale.issue, tale.give_back, tale.give_back, tale.cancel, tale.ship, tale.arrive, tale.take_back])()
    tale.compare()
