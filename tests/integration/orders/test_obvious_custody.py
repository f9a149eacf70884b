"""Random hand-overs between four sites against a slow obvious model: a pile of sites that the device has gone through. Whoever tries what, only
what the model allows happens, and after each step each site sees the order exactly when it should."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.integration.orders.conftest import Job, Shop
from tests.support.serving import Served

SITES = 4
ACTIONS = ("receive", "refuse", "take-back", "report-lost", "find", "send-back")
BODIES = {"receive": {"received_by": "x"}, "send-back": {"given_by": "x"}}
STEP = st.tuples(st.sampled_from(("send", "send", *ACTIONS, "receive", "send-back")), st.integers(0, SITES - 1), st.integers(0, SITES - 1), st.integers(0, 9))


@dataclass
class Pile:
    """``at[-1]`` has the device; ``slips`` brought it to ``at[1:]``, in order. ``road``: where it is going, None: it lies; ``back``: whether
    the last slip takes it home."""

    at: list[int] = field(default_factory=lambda: [0])
    slips: list[str] = field(default_factory=list)
    road: int | None = None
    back: bool = False
    lost: bool = False

    @property
    def sees(self) -> set[int]:
        return {0, self.at[-1]} | ({self.road} if self.road is not None else set())

    def sent(self, by: int, to: int, slip: str) -> None:
        self.road, self.back = to, False
        self.slips.append(slip)

    def may_send(self, by: int, to: int) -> bool:
        return self.road is None and by == self.at[-1] and to not in self.at

    def act(self, action: str, by: int, slip: str) -> bool:
        """Whether it happens; then it has."""
        if not self.slips or slip != self.slips[-1]:
            return False
        on_road = self.road is not None and not self.lost
        match action:
            case "receive" if on_road and by == self.road:
                if self.back:
                    self.at.pop()
                    self.slips.pop()
                else:
                    self.at.append(by)
                self.road, self.back = None, False
            case "refuse" if on_road and by == self.road:
                self._stay()
            case "take-back" if on_road and by == self.at[-1]:
                self._stay()
            case "report-lost" if on_road and by in (self.road, self.at[-1]):
                self.lost = True
            case "find" if self.lost and by in (self.road, self.at[-1]):
                self.lost = False
            case "send-back" if self.road is None and by == self.at[-1]:
                self.road, self.back = self.at[-2], True
            case _:
                return False
        return True

    def _stay(self) -> None:
        if not self.back:
            self.slips.pop()
        self.road, self.back = None, False


@pytest.fixture(scope="module")
def shops(api: Served) -> list[Shop]:
    return [Shop(api, branch="EAST" if number % 2 else "WEST") for number in range(SITES)]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, max_size=18))
def test_only_what_the_pile_allows_happens(shops: list[Shop], steps: list[tuple[str, int, int, int]]) -> None:
    home = shops[0]
    job, pile, known = home.order(problem="pile 异响"), Pile(), []
    for action, by, to, which in steps:
        before = home.ok("GET", f"/work-orders/{job.id}")["version"]
        if action == "send":
            body = {"work_order_id": job.id, "to_site_id": shops[to].site["id"], "given_by": "x"}
            answer = home.served.call("POST", "/hand-over-slips", body, scope=shops[by].path)
            happens = pile.may_send(by, to)
            if happens:
                pile.sent(by, to, answer.json().get("id", ""))
                known.append(pile.slips[-1])
        elif known:
            slip = known[-1 - which % len(known)] if which > 2 else known[-1]
            answer = home.served.call("POST", f"/hand-over-slips/{slip}/{action}", BODIES.get(action, {"reason": "x"}), scope=shops[by].path)
            happens = pile.act(action, by, slip)
        else:
            continue
        assert answer.is_success == happens, (action, by, to, pile, answer.text)
        _agree(shops, job, pile)
        if not happens:
            assert home.ok("GET", f"/work-orders/{job.id}")["version"] == before, "nothing is half saved"


def _agree(shops: list[Shop], job: Job, pile: Pile) -> None:
    order: dict[str, Any] = job.shop.ok("GET", f"/work-orders/{job.id}")
    holder, road = pile.at[-1], pile.road
    assert order["held_site_id"] == (shops[holder].site["id"] if holder else None)
    assert order["bound_site_id"] == (None if road is None else shops[road].site["id"])
    for number, shop in enumerate(shops):
        answer = job.shop.served.call("GET", f"/work-orders/{job.id}", scope=shop.path)
        assert answer.is_success == (number in pile.sees), (number, pile)
        found = job.shop.ok("GET", "/work-orders", scope=shop.path, q="异响", limit="200")["items"]
        assert (job.id in [one["id"] for one in found]) == (number in pile.sees)
        if answer.is_success:
            assert answer.json()["at_hand"] == (number == holder and road is None)
