"""`bench beside`: cases on this code and on another checkout's in turns of a few seconds, both suites up at once: their ratio.

Machines differ from minute to minute by more than what a change may cost; two turns that follow each other do not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from deploy.local.suite import Refused

HERE = Path(__file__).parents[1]
DRIVER = Path(__file__).with_name("driver.py")
WARMING = 2
"""Turns that do not count: plans, caches and pools fill."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkout", type=Path, required=True, help="of the code that this is compared with; its own .venv, or a link to one")
    parser.add_argument("--turns", type=int, default=14, help="of each (default 14)")
    parser.add_argument("--cases", type=int, default=24, help="of a turn (default 24)")
    parser.add_argument("--clients", type=int, default=8, help="at once (default 8)")
    parser.add_argument("--least", type=float, default=0.85, help="ratio that is asked for (default 0.85)")


def run(arguments: argparse.Namespace, _running: object = None) -> int:
    """0 when this code is at least ``least`` times as fast as the other, by the median of the turns, else 1."""
    console = Console(highlight=False, width=100)
    with ExitStack() as stack:
        sides = {name: stack.enter_context(_side(root, arguments.clients)) for name, root in (("other", arguments.checkout), ("this", HERE))}
        turns = []
        for turn in range(-WARMING, arguments.turns):
            names = list(sides) if turn % 2 else list(reversed(sides))
            took = {name: _turn(sides[name], arguments.cases) for name in names}
            turns += [took] if turn >= 0 else []
    found = [took["other"] / took["this"] for took in turns]
    table = Table(f"{arguments.clients} clients, ms a case", "other", "this", "ratio")
    for took, one in zip(turns, found, strict=True):
        table.add_row("", f"{took['other']:.1f}", f"{took['this']:.1f}", f"{one:.2f}")
    middle = {name: median(took[name] for took in turns) for name in sides}
    table.add_row("median", f"{middle['other']:.1f}", f"{middle['this']:.1f}", f"{median(found):.2f} ({min(found):.2f}–{max(found):.2f})")
    console.print(table)
    return 0 if median(found) >= arguments.least else 1


@contextmanager
def _side(root: Path, clients: int) -> Iterator[subprocess.Popen[str]]:
    """A suite of the checkout's code, embedded, and what drives it."""
    python = root / ".venv" / "bin" / "python"
    if not python.exists():
        raise Refused(f"{root} has no .venv")
    given = {name: value for name, value in os.environ.items() if not name.startswith("AFTERSALES_")} | {"PYTHONPATH": str(root)}
    with tempfile.TemporaryDirectory(prefix="aftersales-beside-") as folder:
        suite = [str(python), "-P", "-m", "deploy.local.cli"]
        run = partial(subprocess.run, cwd=root, env=given, stdout=subprocess.DEVNULL)
        drive = [str(python), "-P", str(DRIVER), folder, str(clients)]
        try:
            run([*suite, "up", "--data", folder, "--port", "0", "--detach"], check=True)
            with subprocess.Popen(drive, cwd=root, env=given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
                assert driver.stdout
                if driver.stdout.readline().strip() != "ready":
                    raise Refused(f"no cases could be begun on the code of {root}")
                yield driver
                assert driver.stdin
                driver.stdin.close()
        finally:
            run([*suite, "down", "--data", folder], check=False)


def _turn(driver: subprocess.Popen[str], cases: int) -> float:
    assert driver.stdin and driver.stdout
    print(cases, file=driver.stdin, flush=True)
    told = driver.stdout.readline()
    if not told:
        print("a case did not get through", file=sys.stderr)
        raise SystemExit(2)
    return float(told)
