"""Benchmarks; each prints what it measures beside a floor measured in the same run. Some break what they run on or need no
suite, so they start what they need themselves; the others run on the suite of --data, else on one of their own, which is gone
afterwards (on the servers the two variables give, where they are set).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from bench import (
    balances,
    beside,
    case,
    consume,
    faults,
    fuzz,
    gateway,
    growth,
    history,
    lag,
    lists,
    ratios,
    read,
    relay,
    scale,
    streams,
)
from chassis.crypto import Ring
from deploy.local.files import write_private
from deploy.local.suite import Refused, Servers

BENCHMARKS: dict[str, ModuleType] = {
    "case": case, "beside": beside, "read": read, "gateway": gateway, "relay": relay, "consume": consume, "lag": lag, "lists": lists, "balances": balances,
    "streams": streams, "scale": scale, "growth": growth, "import": history, "faults": faults, "fuzz": fuzz,
}
OWN_INSTANCES = ("beside", "faults", "fuzz", "lists", "balances", "relay", "consume", "scale")
"""These start what they need themselves."""


def configure(parser: argparse.ArgumentParser) -> None:
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, module in BENCHMARKS.items():
        module.configure(names.add_parser(name, help=(module.__doc__ or "").splitlines()[0]))


def run(arguments: argparse.Namespace) -> int:
    """0 the benchmark ran and all is sound, 1 it is not, 2 it cannot run."""
    before = ratios.pace()
    try:
        return _run(arguments)
    finally:
        print(f"pace of this machine before and after: {before:.0f}, {ratios.pace():.0f} ms for a fixed loop", file=sys.stderr)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.name in OWN_INSTANCES:
        if arguments.data_given:
            raise Refused(f"bench {arguments.name} runs on a suite of its own only: leave out --data")
        with _ring():
            return int(BENCHMARKS[arguments.name].run(arguments, None))
    with _suite(arguments) as suite:
        return int(BENCHMARKS[arguments.name].run(arguments, suite))


@contextmanager
def _ring() -> Iterator[None]:
    """What services without a suite seal with, unless one is given."""
    with tempfile.TemporaryDirectory(prefix="aftersales-ring-") as folder:
        ring = Path(folder) / "keyring.json"
        write_private(ring, Ring.new().text())
        os.environ.setdefault("AFTERSALES_KEYRING", str(ring))
        yield


@contextmanager
def _suite(arguments: argparse.Namespace) -> Iterator[Any]:
    """A suite of its own, or the one that is up on the folder given."""
    from tests.support import servers
    from tests.support.suites import RunningSuite

    if arguments.data_given:
        raise_unless_up(arguments)
        yield RunningSuite.attached(arguments.data.path)
        return
    given = Servers.given()
    running = RunningSuite(servers.Servers(given.database_url, given.amqp_url) if given else None)
    try:
        running.start()
        print(f"a suite of its own on {running.mode}, ready after {running.ready_after:.1f} s", file=sys.stderr)
        yield running
    finally:
        running.dispose()


def raise_unless_up(arguments: argparse.Namespace) -> None:
    if not arguments.data.state.get("ready"):
        raise Refused(f"the suite of {arguments.data.path} is not up")
