"""`bench faults`: cases while everything is broken by a seeded schedule; afterwards every accepted request must stand once."""

from __future__ import annotations

import argparse
import time

from rich.console import Console

from deploy.local.suite import EMBEDDED, SERVERS, Refused


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default 10)")
    parser.add_argument("--seed", type=int, help="of the schedule: the same seed breaks the same things (default: drawn)")
    parser.add_argument("--on", choices=(EMBEDDED, SERVERS), default=EMBEDDED, help="default embedded; servers are its own, too")
    parser.add_argument("--clients", type=int, default=4, help="at once (default 4)")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=3, help="of RabbitMQ (default 3: a cluster)")
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help="only this kind of fault (may be repeated)")
    parser.add_argument("--plan", action="store_true", help="print the schedule and do nothing")


def run(arguments: argparse.Namespace, _running: object = None) -> int:
    """0 when nothing was lost, doubled, parked or left behind, else 1. Always on instances that it starts itself."""
    from tests.faults import campaign, schedule

    console = Console(highlight=False, markup=False)
    unknown = set(arguments.only) - set(schedule.kinds(arguments.on))
    if unknown:
        raise Refused(f"no kind of fault: {', '.join(sorted(unknown))}; there are {', '.join(schedule.kinds(arguments.on))}")
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    seconds = arguments.minutes * 60
    if arguments.plan:
        for strike in schedule.generate(seed, arguments.on, seconds, ("disk", "clock"), arguments.only):
            console.print(str(strike))
        return 0
    terms = campaign.Terms(clients=arguments.clients)
    summary = campaign.run(arguments.on, seed, seconds, terms, arguments.only, arguments.nodes, console.print)
    for line in summary.lines():
        console.print(line)
    return 0 if summary.good else 1
