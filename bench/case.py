"""`bench case`: whole cases by one client and by several at once, beside the same SQL sent by psycopg2 alone; with --kill every
process dies once meanwhile."""

from __future__ import annotations

import argparse
import itertools
import json
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import meter, ratios, statements
from contracts import reconcile
from deploy.local.databases import ensure_databases
from deploy.local.folder import DataFolder
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.suite import EMBEDDED, Suite

TURNS = 4
"""The cases of a pass are taken by quarters, which tell how much the figure moves; the floor has as many turns."""
REPLAYED = 16
"""Cases that the floor replays in a turn."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=int, default=200, help="how many (default 200, at least 4)")
    parser.add_argument("--clients", type=int, default=8, help="at once (default 8)")
    parser.add_argument("--kill", action="store_true", help="SIGKILL every process once while the cases run")


@dataclass
class Pass:
    """So many cases by so many clients."""

    cases: list[Any]
    clients: int
    before: meter.Reading
    after: meter.Reading

    @property
    def seconds(self) -> float:
        return self.after.at - self.before.at

    @property
    def rate(self) -> float:
        return len(self.cases) / self.seconds

    @property
    def spent(self) -> dict[str, float]:
        """CPU milliseconds per case by process; empty when one was started again meanwhile."""
        cpu, before = self.after.cpu, self.before.cpu
        if any(cpu[name] < before.get(name, 0.0) for name in cpu):
            return {}
        return {name: (cpu[name] - before.get(name, 0.0)) * 1000 / len(self.cases) for name in cpu}

    @property
    def turns(self) -> list[float]:
        """Milliseconds a case in each quarter of the pass."""
        ends = sorted(case.began + case.seconds for case in self.cases)
        cuts = [len(ends) * turn // TURNS for turn in range(1, TURNS + 1)]
        starts = zip([self.before.at, *(ends[cut - 1] for cut in cuts)], [0, *cuts], strict=True)
        return [(then - now) * 1000 / (last - first) for (now, first), (then, last) in itertools.pairwise(starts)]

    def line(self) -> str:
        durations = [case.seconds for case in self.cases]
        cuts = quantiles(durations, n=20) if len(durations) > 1 else durations * 20
        return (f"{len(self.cases)} cases by {self.clients} clients in {self.seconds:.1f} s: {self.rate:.2f} cases/s; "
                f"one case p50 {cuts[9]:.2f} s, p95 {cuts[18]:.2f} s")


def run(arguments: argparse.Namespace, running: object) -> int:
    """0 when every case ended audited and reconcile finds nothing, else 1. ``running``: a tests' RunningSuite."""
    from tests.support.campaign import Campaign
    from tests.support.company import Company
    from tests.support.killer import Killer
    from tests.support.suites import RunningSuite

    assert isinstance(running, RunningSuite)
    console = Console(highlight=False)
    arguments.cases = max(TURNS, arguments.cases)
    calls = itertools.count()
    company = Company(running.client(patience=120.0, check=lambda *answer: next(calls)))
    for site in company.sites:
        company.receive(site, [(part["id"], 1000 + 6 * arguments.cases) for part in company.parts])
    for site in company.sites:  # sign-in is not what is measured
        for role in ("agent", "dispatcher", "technician", "storekeeper", "cashier", "manager"):
            site.as_(role).get("/me")
    campaign = Campaign(company, arguments.cases, patience=90.0 if arguments.kill else 30.0)

    with Suite.open(running.data, running=True) as suite:
        rested = meter.read(suite.folder, suite.databases).memory

        def measure(clients: int, cases: int, beside: threading.Thread) -> Pass:
            campaign.cases = cases
            before = meter.read(suite.folder, suite.databases)
            done = campaign.run_beside(beside, clients)
            return Pass(done, clients, before, meter.read(suite.folder, suite.databases))

        alone = None if arguments.kill else measure(1, max(TURNS, arguments.cases // 8), threading.Thread())
        killer = Killer(running, (1.0, 4.0), seed=int(time.time())) if arguments.kill else threading.Thread()
        if arguments.kill:
            killer.start()
        earlier = next(calls)
        crowd = measure(arguments.clients, arguments.cases, killer)
        made = next(calls) - earlier - 1
        if isinstance(killer, Killer):
            console.print(f"killed once: {', '.join(killer.killed)} (seed {killer.seed})")
        console.print(f"{made} calls, {made / len(crowd.cases):.1f} a case")
        own = suite.mode == EMBEDDED and running.process is not None and not arguments.kill
        used = meter.read(suite.folder, suite.databases).memory
        since = time.time()
        sent = _counted(suite, lambda: campaign.run(1)) if own else []
        for one in (alone, crowd):
            if one:
                console.print(one.line())
        done = len(crowd.cases) + (len(alone.cases) if alone else 0)
        console.print(f"memory: {rested:.0f} MB before the first case, {used:.0f} MB after {done} cases")
        _report(console, crowd, statements.count(sent))
        report = reconcile.examine(suite.databases, wait=60.0, live=True)
    parked = running.run("parked", "list").stdout
    cases = [*(alone.cases if alone else ()), *crowd.cases]
    audited = sum(case.order["state"] == "audited" for case in cases)
    console.print(f"audited {audited} of {len(cases)}; reconcile finds {len(report.offenders)} offenders; "
                  f"{parked.strip().splitlines()[-1] if parked.strip() else 'nothing is parked'}")
    for offender in report.offenders:
        console.print(json.dumps(offender.__dict__, default=str, ensure_ascii=False), markup=False)
    good = audited == len(cases) and not report.offenders and "nothing is parked" in parked
    if sent and alone:
        running.stop()
        _floor(console, suite.folder, sent, since, [alone, crowd])
    return 0 if good else 1


def _counted(suite: Suite, case: Any) -> list[statements.Sent]:
    """What one case sends."""
    server = EmbeddedPostgres(suite.folder.postgres).url()
    with statements.logged(server, suite.folder.logs / "postgres.log") as sent:
        case()
        time.sleep(1.0)  # its last events
    return statements.of_cases(sent, suite.databases)


def _report(console: Console, crowd: Pass, sent: Mapping[str, tuple[int, int]]) -> None:
    if spent := crowd.spent:  # else processes were started again: their counters tell nothing
        table = Table("process", "CPU ms per case")
        for name, cost in sorted(spent.items(), key=lambda item: -item[1]):
            table.add_row(name, f"{cost:.1f}")
        table.add_row("all", f"{sum(spent.values()):.1f}")
        console.print(table)
    table = Table("database", "transactions per case")
    for name in crowd.after.commits:
        table.add_row(name, f"{(crowd.after.commits[name] - crowd.before.commits[name]) / len(crowd.cases):.1f}")
    console.print(table)
    if sent:
        table = Table("sent by", "round trips of one case", "statements")
        for name, (trips, count) in sent.items():
            table.add_row(name, str(trips), str(count))
        table.add_row("all", *(str(sum(numbers)) for numbers in zip(*sent.values(), strict=True)))
        console.print(table)


def _floor(console: Console, folder: DataFolder, sent: list[statements.Sent], since: float, measured: list[Pass]) -> None:
    """The same transactions by psycopg2 alone, on the same databases with nothing else running."""
    rows = []
    with folder.lock(wait=30.0), EmbeddedPostgres(folder.postgres) as postgres, ExitStack() as stack:
        assert postgres.process is not None
        pid = postgres.process.pid
        replay = stack.enter_context(statements.Replay(sent, ensure_databases(postgres.url(), "", folder.secret), since))
        for one in measured:
            replay.run(replay.turn(2 * one.clients, one.clients))  # warm, as the suite is
            shares = [replay.turn(REPLAYED, one.clients) for _ in range(TURNS)]
            cpu = meter.cpu(pid, True) + time.process_time()
            turns = [replay.run(share) * 1000 / REPLAYED for share in shares]
            cpu = meter.cpu(pid, True) + time.process_time() - cpu
            who = f"{one.clients} client{'s' if one.clients > 1 else ''}"
            rows.append(ratios.Ratio.of(f"{who}, ms", one.turns, turns))
            rows.append(ratios.Ratio(f"{who}, CPU ms", sum(one.spent.values()), cpu * 1000 / (REPLAYED * TURNS)))
    ratios.show(console, "a case", "the suite", "psycopg2 alone", rows)
