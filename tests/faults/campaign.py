"""One campaign: load, a schedule of faults, and the verdict. Used by the tests and by ``bench faults``."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from chassis import crypto
from chassis.ops import failpoints
from deploy.process import WITH_DATABASE
from tests.faults import leaks, rig as rigs, verdict
from tests.faults.faults import UNLUCKY, End, Faults, NotReached
from tests.faults.load import PATIENCE, Load
from tests.faults.rig import Rig, patiently
from tests.faults.schedule import EMBEDDED, Fault, Strike, generate
from tests.faults.verdict import Verdict

Say = Callable[[str], None]
CONNECTIONS = {".http": 8, ".worker": 14, "aftersales courier": 40}  # pools, and what listens or holds a lock


@dataclass
class Summary:
    """What a run did and found. ``missed``: faults that could not be done at their moment, and why."""

    mode: str
    seed: int
    seconds: float
    faults: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    cases: int = 0
    rate: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def good(self) -> bool:
        return self.verdict.good

    def lines(self) -> list[str]:
        found = self.verdict
        lines = [
            f"faults on {self.mode}, seed {self.seed}, {self.seconds / 60:.1f} min: {self.faults.total()} faults"
            f" ({len(self.missed)} missed their moment)",
            *(f"  {number:4d}  {kind}" for kind, number in sorted(self.faults.items())),
            *(f"  skipped: {what}" for what in self.skipped),
            f"{self.cases} cases ({self.rate:.2f}/s), {found.requests} accepted requests: {len(found.lost)} lost,"
            f" {len(found.doubled)} doubled; {len(found.failed)} cases failed",
            f"parked: {found.poisoned} made poison, {len(found.parked)} others; backlog worked off after"
            f" {found.settled_after:.0f} s; reconcile {len(found.offenders)}; leaks {len(found.leaks)}",
        ]
        for name, told in found.findings.items():
            lines += [f"  {name}:", verdict.shown(told)]
        return lines


@dataclass(frozen=True)
class Terms:
    """``clients`` at once, who go on asking for ``patience`` seconds; ``settle``: seconds for the backlog, ``wait`` for
    reconcile. ``races``: only cases whose steps meet each other."""

    clients: int = 4
    patience: float = PATIENCE
    settle: float = verdict.SETTLE
    wait: float = 30.0
    races: bool = False


BRIEF = Terms(clients=2, patience=25.0, settle=20.0, wait=8.0)
"""For runs that are expected to find something: nobody waits long for what will not come."""


class Campaign:
    """One run on a rig that has been started."""

    def __init__(self, rig: Rig, strikes: Sequence[Strike], terms: Terms, summary: Summary, say: Say | None = None) -> None:
        self.rig, self.strikes, self.terms, self.summary = rig, strikes, terms, summary
        self.unhealed: list[End] = []
        self.say = say or (lambda line: print(line, file=sys.stderr, flush=True))

    def run(self) -> Summary:
        terms, suite = self.terms, self.rig.suite
        load = Load(suite.base, suite.password, terms.clients, terms.patience, terms.races)
        faults = self._faults(load)
        load.start()
        load.wait_for(2 * terms.clients)
        before, began = leaks.at_rest(self.rig, 2), time.monotonic()
        for strike in self.strikes:
            time.sleep(strike.pause)
            self._strike(faults, strike)
        self.summary.seconds = time.monotonic() - began
        self._heal(load)
        over = load.finish(terms.patience + 60.0)
        self.summary.cases = len(load.done)
        self.summary.rate = len(load.done) / (time.monotonic() - began)
        found = self.summary.verdict = verdict.examine(self.rig, load, faults, terms.settle, terms.wait)
        if not over:
            found.failed.append("clients still wait for their cases to end")
        found.leaks = leaks.found(before, leaks.at_rest(self.rig), CONNECTIONS)
        return self.summary

    def _faults(self, load: Load) -> Faults:
        if self.rig.mode == EMBEDDED:
            return Faults(self.rig, load)
        from tests.faults.servers import ServerFaults, ServersRig

        assert isinstance(self.rig, ServersRig)
        return ServerFaults(self.rig, load)

    def _strike(self, faults: Faults, strike: Strike) -> None:
        """Begins all, waits as long as each lasts, ends each at its time."""
        self.say(f"  {strike}")
        now, ends = time.monotonic(), list[tuple[float, Fault, End]]()
        for fault in strike.faults:
            try:
                ends.append((fault.seconds, fault, faults.begin(fault)))
                self.summary.faults[fault.kind] += 1
            except NotReached as reason:
                self.summary.missed.append(str(reason))
                self.say(f"         missed: {reason}")
        for lasts, fault, end in sorted(ends, key=lambda item: item[0]):
            time.sleep(max(0.0, now + lasts - time.monotonic()))
            try:
                end()
            except UNLUCKY as error:
                self.say(f"         {fault} is healed later: {error!r}")
                self.unhealed.append(end)
        self.rig.tend()

    def _heal(self, load: Load) -> None:
        """Nothing is broken any more."""
        for end in self.unhealed:
            patiently(end)
        self.rig.clock.set("+0")
        self.rig.disk.free()
        self.rig.heal()
        load.resume()
        for point in failpoints.POINTS:
            failpoints.disarm(self.rig.points, point)
        self.rig.resume_all()
        verdict.quiet(self.rig)
        for service in WITH_DATABASE:
            patiently(lambda service=service: self.rig.rows(service, "DROP FUNCTION IF EXISTS campaign_disorder CASCADE"))


SKIPPED = {
    "disk": "fill disk (no small file system: not root, or mounting is forbidden)",
    "clock": "jump clock (libfaketime is not installed)",
}


def run(
    mode: str, seed: int, seconds: float, terms: Terms = Terms(), only: Sequence[str] = (), nodes: int = 1, say: Say | None = None
) -> Summary:
    """A campaign of so many seconds on a rig of its own, which is gone afterwards."""
    with _started(rigs.make(mode, nodes=nodes)) as rig:
        skipped = [why for need, why in SKIPPED.items() if need not in rig.offers]
        strikes = generate(seed, mode, seconds, rig.offers, only)
        return Campaign(rig, strikes, terms, Summary(mode, seed, seconds, skipped=skipped), say).run()


def run_strikes(mode: str, strikes: Sequence[Strike], plant: str = "", races: bool = False) -> Summary:
    """A brief campaign of strikes that were chosen by hand, perhaps with a planted bug."""
    with _started(rigs.make(mode, plant)) as rig:
        return Campaign(rig, strikes, replace(BRIEF, races=races), Summary(mode, 0, 0.0)).run()


@contextmanager
def _started(rig: Rig) -> Iterator[Rig]:
    try:
        rig.start()
        crypto.use(rig.suite.data / "keyring.json")  # the verdict reads what is sealed
        yield rig
    finally:
        crypto.use(None)
        rig.dispose()
