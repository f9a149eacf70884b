"""What is broken when: drawn from a seed before the run begins, so that any seed can be run again.

A schedule is a list of strikes, each a pause and then one fault or two at once. The kinds are dealt like cards: no kind
comes a second time before every kind has come once, so that short runs see as many as there is time for.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from chassis.ops import failpoints
from deploy import process

HTTP = tuple(f"{name}.http" for name in process.HTTP)
EMBEDDED, SERVERS = "embedded", "servers"
DATABASES = process.WITH_DATABASE


@dataclass(frozen=True)
class Fault:
    """``target``: a process, a point, a database, … as the kind wants it. ``seconds``: how long it lasts; ``pick`` (0 to 1)
    chooses among what is only known at that moment, say the backends of PostgreSQL."""

    kind: str
    target: str = ""
    seconds: float = 0.0
    pick: float = 0.0

    def __str__(self) -> str:
        lasting = f" {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind} {self.target}".strip() + lasting


@dataclass(frozen=True)
class Strike:
    """``pause``: seconds of peace before it."""

    pause: float
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return f"{self.pause:5.1f} s  " + " + ".join(map(str, self.faults))


@dataclass(frozen=True)
class Kind:
    """``seconds``: shortest and longest duration. ``alone``: nothing else is broken beside it, since healing it needs a
    suite that can be started. ``cost``: seconds that doing and undoing it take by themselves. ``weight``: cards in the
    deck. ``needs``: what the machine must offer."""

    targets: tuple[str, ...] = ("",)
    seconds: tuple[float, float] = (0.0, 0.0)
    modes: tuple[str, ...] = (EMBEDDED, SERVERS)
    alone: bool = False
    cost: float = 0.5
    weight: int = 1
    needs: str = ""


def processes(mode: str) -> tuple[str, ...]:
    if mode == EMBEDDED:
        return (*HTTP, "courier")
    kinds = ("relay", "worker", "worker-2")
    return (*HTTP, *(f"{name}.{kind}" for name in DATABASES for kind in kinds))


def points(mode: str) -> tuple[str, ...]:
    """Named instants that processes of this mode come by."""
    others = ("relay." if mode == EMBEDDED else "courier.", "webhook.")  # nobody has a webhook in a campaign
    return tuple(point for point in failpoints.POINTS if not point.startswith(others))


def kinds(mode: str) -> dict[str, Kind]:
    both = (EMBEDDED, SERVERS)
    away = (4.0, 10.0)
    found = {
        "kill process": Kind(processes(mode), weight=4),
        "stop process": Kind(processes(mode), seconds=(1.0, 9.0), weight=3),
        "kill at point": Kind(points(mode), cost=1.0, weight=4),
        "stop at point": Kind(points(mode), seconds=(1.0, 6.0), cost=1.0, weight=2),
        "raise at point": Kind(("inbox.handling",), cost=1.0),
        "kill between steps": Kind(HTTP, cost=1.0),
        "kill supervisor": Kind(alone=True, cost=9.0),
        "stop supervisor": Kind(seconds=(2.0, 6.0)),
        "kill backend": Kind(DATABASES, cost=2.0),
        "stop backend": Kind(DATABASES, seconds=(1.0, 6.0)),
        "restart database": Kind(seconds=(0.0, 2.0), cost=3.0),
        "crash database": Kind(seconds=(0.0, 2.0), cost=3.0),
        "close database": Kind(DATABASES, seconds=(1.0, 5.0)),
        "deliver again": Kind(DATABASES),
        "deliver in disorder": Kind(DATABASES, seconds=(3.0, 8.0)),
        "poison": Kind(("shape", "meaning")),
        "fill disk": Kind(seconds=(2.0, 5.0), alone=True, cost=6.0, needs="disk"),
        "jump clock": Kind(("+2h", "-2h", "+10m", "-10m", "+40s"), seconds=(3.0, 8.0), needs="clock"),
        "stop deliveries": Kind(seconds=away, modes=(EMBEDDED,)),
        "stop broker": Kind(seconds=away, modes=(SERVERS,), cost=10.0),
        "kill broker node": Kind(("leader", "any"), seconds=(1.0, 5.0), modes=(SERVERS,), cost=8.0),
        "cut connections": Kind(("database", "broker"), modes=(SERVERS,)),
        "stall connections": Kind(("database", "broker"), seconds=(1.0, 8.0), modes=(SERVERS,)),
        "refuse connections": Kind(("database", "broker"), seconds=(2.0, 8.0), modes=(SERVERS,)),
        "publish again": Kind(DATABASES, modes=(SERVERS,)),
        "publish rubbish": Kind(modes=(SERVERS,)),
    }
    assert all(set(kind.modes) <= set(both) for kind in found.values())
    return {name: kind for name, kind in found.items() if mode in kind.modes}


ABSENCES = ("stop broker", "stop deliveries")
LONG_AWAY = (60.0, 150.0)  # minutes without a broker: every fourth absence of a run that is long enough
HEALING = 1.0  # seconds a strike takes beside what its faults last


def generate(seed: int, mode: str, seconds: float, offers: Sequence[str] = (), only: Sequence[str] = ()) -> list[Strike]:
    """The schedule of about so many seconds. ``offers``: what of ``Kind.needs`` the machine has, so that a seed means the same
    on machines that offer the same; ``only``: these kinds."""
    dice = random.Random(f"{seed} {mode}")
    dealt = _deal(dice, {
        name: kind for name, kind in kinds(mode).items()
        if (not kind.needs or kind.needs in offers) and (not only or name in only)
    })
    strikes, spent, absences = list[Strike](), 0.0, 0
    gap = (2.0, 5.0) if seconds <= 300 else (2.0, 9.0)
    while True:
        kind, fault = next(dealt)
        faults = [fault]
        if not kind.alone and dice.random() < 0.35:
            beside, other = next(dealt)
            if beside.alone or (other.kind, other.target) == (fault.kind, fault.target):
                faults = [other] if beside.alone else faults
            else:
                faults.append(other)
        for index, each in enumerate(faults):
            absences += each.kind in ABSENCES
            if seconds >= 1800 and each.kind in ABSENCES and absences % 4 == 2:
                faults[index] = replace(each, seconds=round(dice.uniform(*LONG_AWAY), 1))
        pause = dice.uniform(*gap)
        cost = pause + HEALING + max(each.seconds for each in faults) + sum(kinds(mode)[each.kind].cost for each in faults)
        if spent + cost > seconds and strikes:
            return strikes
        spent += cost
        strikes.append(Strike(round(pause, 2), tuple(faults)))


def _deal(dice: random.Random, cards: dict[str, Kind]) -> Iterator[tuple[Kind, Fault]]:
    """Endlessly: every kind once in a random order (heavier ones more often), then again; targets likewise."""
    waiting: dict[str, list[str]] = {}
    while True:
        once, more = list(cards), [name for name, kind in cards.items() for _ in range(kind.weight - 1)]
        dice.shuffle(once)
        dice.shuffle(more)
        for name in (*once, *more):
            kind = cards[name]
            if not waiting.get(name):
                waiting[name] = dice.sample(kind.targets, len(kind.targets))
            lasts = round(dice.uniform(*kind.seconds), 2)
            yield kind, Fault(name, waiting[name].pop(), lasts, round(dice.random(), 4))
