"""`bench fuzz`: every operation of the contracts under fire through the gateway, on a suite of its own."""

from __future__ import annotations

import argparse
import time

from rich.console import Console


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--examples", type=int, default=200, help="for each operation (default 200)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the time; the same seed sends the same")
    parser.add_argument("--only", default="", help="operations whose method and path contain this")


def run(arguments: argparse.Namespace, running: object) -> int:
    from tests.security.conftest import WIDE
    from tests.security.fuzz.fuzzing import UNHEARD, Fuzzer
    from tests.security.fuzz.schemathesis_run import Prober
    from tests.security.matrix.cells import key_of
    from tests.security.matrix.world import World
    from tests.support.contracts import operations
    from tests.support.suites import RunningSuite

    console, wrong, began = Console(highlight=False), 0, time.monotonic()
    suite = RunningSuite(None, extra=WIDE)  # what is accepted changes things at random: never on somebody's data
    try:
        world = World(suite.start())
        fuzzer = Fuzzer(world, arguments.examples, arguments.seed)
        targets = [o for o in operations() if key_of(o) not in UNHEARD and arguments.only in key_of(o)]
        console.print(f"seed {arguments.seed}, {len(targets)} operations, {arguments.examples} examples each")
        for operation in targets:
            try:
                fuzzer.fuzz(operation)
            except Exception as error:  # whatever it is, the other operations have their turn
                wrong += 1
                console.print(f"{type(error).__name__}: {error}", markup=False)
        console.print(fuzzer.tally.line(len(targets)), markup=False)
        prober = Prober(world, max(1, arguments.examples // 10), arguments.examples, arguments.seed)
        published = [one for key, one in prober.operations.items() if arguments.only in key]
        for one in published:
            try:
                prober.probe(one)
            except (Exception, BaseExceptionGroup) as error:  # a group of findings, each with a line to repeat it by
                wrong += 1
                console.print(f"{prober.key(one)}: {type(error).__name__}: {error}", markup=False)
        console.print(f"Schemathesis: {prober.tally.line(len(published))}", markup=False)
        console.print(f"{time.monotonic() - began:.0f} s, {wrong} operations failed")
    finally:
        suite.dispose()
    return 1 if wrong else 0
