"""`bench scale`: consumers and reads of a service with two processes, beside one; the order of one aggregate is kept."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pika
import psutil
from rich.console import Console

from bench import ratios
from bench.client import Reader
from bench.exchange import Exchange, exchange, until
from bench.filling import Company
from bench.gateway import answering, ended
from bench.read import crowd
from chassis.service import ROOT
from deploy.local.api import Api
from deploy.local.suite import Refused

REACH = 1.6
EACH = 20  # events of one aggregate, about what a case has
QUEUE = "bench.mill"
COUNT = """
import time
end, done = time.monotonic() + 2, 0
while time.monotonic() < end:
    for _ in range(10_000): pass
    done += 1
print(done)"""
BOOT = 4.0  # seconds after the first process answers until all do
SPREAD = 2.0  # seconds of calls that are not counted: by then each connection was opened anew, and went to who had time
CLIENTS = 16  # each keeps a connection: so many that the two processes get about as many of them


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=20_000, help="of each turn (default 20,000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn of reads (default 5)")


def run(arguments: argparse.Namespace, _running: Any = None) -> int:
    """0 when both consumers and reads grow as much as they should and no copy is behind its last event, else 1."""
    console = Console(highlight=False)
    rows, kept = [], []

    def grown(what: str, measured: Callable[[int, list[float]], float], reach: float | None = REACH) -> None:
        busy: list[float] = []
        two, one = ratios.in_turn(arguments.rounds, lambda: measured(2, []), lambda: measured(1, busy))
        rows.append(ratios.Ratio.of(what, two, one, reach, at_least=True))
        cores = statistics.median(busy)
        kept.append(f"{what} by one: {cores:.2f} of {os.cpu_count()} cores busy, room for {(os.cpu_count() or 1) / cores:.2f} times as much")

    with exchange() as found:
        grown("events handled", lambda processes, busy: _consumed(found, processes, arguments.events, busy))
        stale = found.number(
            found.mill,
            "SELECT count(*) FROM (SELECT subject, max(sequence) AS last FROM inbox GROUP BY subject) i"
            " JOIN mill_sale_copies c ON c.id = i.subject::uuid WHERE c.sequence < i.last",
        )
    grown("reads answered", lambda processes, busy: _reads(processes, arguments.seconds, busy))
    grown("arithmetic alone", _counted, None)
    console.print(f"{stale} copies behind their last event; database, broker and clients are on the same cores", *kept, sep="\n")
    return 0 if ratios.show(console, "processes doubled", "two, per second", "one, per second", rows) and not stale else 1


@contextmanager
def _busy(kept: list[float]) -> Iterator[None]:
    """Adds how many cores all of the machine kept busy meanwhile."""
    began, before = time.monotonic(), _worked()
    yield
    kept.append((_worked() - before) / (time.monotonic() - began))


def _worked() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)  # guests' are in users' already


def _consumed(found: Exchange, processes: int, count: int, busy: list[float]) -> float:
    """What waits is handled by so many workers, from the moment all of them take part."""
    before = found.handled()
    found.tell(count, count // EACH)
    with found.process("relay"):
        until(lambda: not found.unsent())
    with ExitStack() as stack, closing(pika.BlockingConnection(pika.URLParameters(found.environment["AFTERSALES_AMQP_URL"]))) as connection:
        queue = connection.channel().queue_declare
        for _ in range(processes):
            stack.enter_context(found.process("worker"))
        began = until(lambda: queue(QUEUE, passive=True).method.consumer_count == processes)
        first = found.handled()
        with _busy(busy):
            ended = until(lambda: found.handled() >= before + count)
    if first > before + count // 2:
        raise Refused("half was handled before all took part: ask for more --events")
    return (before + count - first) / (ended - began)


def _counted(processes: int, busy: list[float]) -> float:
    """Loops that do nothing: what the machine's cores give at most."""
    command = [sys.executable, "-c", COUNT]
    with _busy(busy):
        running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
        return sum(float(process.communicate()[0]) for process in running)


def _reads(processes: int, seconds: float, busy: list[float]) -> float:
    """Orders served by so many gunicorn workers, called without a gateway."""
    from services.orders.app import SERVICE
    from tests.support.database import server, service_database
    from tests.support.serving import jwks_file, token
    from tests.support.suites import free_port

    with tempfile.TemporaryDirectory() as folder, server() as url, service_database(url, SERVICE) as database:
        company, port = Company(1000), free_port()
        company.fill(SERVICE, url, str(database.owner.url.database))
        environment = {
            **os.environ, "AFTERSALES_DATABASE_URL_ORDERS": database.app_url, "AFTERSALES_JWKS": str(jwks_file(Path(folder))),
            "AFTERSALES_SERVICE": "orders", "AFTERSALES_POOL_SIZE": "4", "WEB_CONCURRENCY": str(processes), "PORT": str(port),
            "AFTERSALES_LOG_LEVEL": "WARNING", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore",
        }
        command = [sys.executable, "-P", "-m", "deploy.process", "http", "orders"]
        process = subprocess.Popen(command, env=environment)
        with ended(process):
            base = answering(port)
            time.sleep(BOOT)
            order = Api(base, token=token()).get("/work-orders", limit=1)["items"][0]["id"]
            with ExitStack() as stack:
                readers = [stack.enter_context(closing(Reader(base, token()))) for _ in range(CLIENTS)]
                crowd([partial(one.get, f"/work-orders/{order}") for one in readers], SPREAD)
                with _busy(busy):
                    return crowd([partial(one.get, f"/work-orders/{order}") for one in readers], seconds)[1]
