"""`bench read`: one order, and a filtered page of 50, through the gateway by several clients, beside the same SQL by psycopg2."""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import psycopg2
from rich.console import Console
from sqlalchemy.engine import make_url

from bench import meter, ratios
from bench.asking import Asked
from bench.client import Reader
from bench.plans import Seen
from chassis.http.app import build_app
from chassis.ops.settings import settings
from deploy.local.suite import Suite

ORDERS = 60
PROCESSES = ("gateway.http", "orders.http")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=5.0, help="of each turn (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--clients", type=int, default=8, help="at once (default 8)")


def run(arguments: argparse.Namespace, running: Any) -> int:
    """0 always: what is to be reached depends on the machine."""
    from services.orders.app import SERVICE
    from tests.support.case import Case
    from tests.support.company import Company

    console = Console(highlight=False)
    company = Company(running.client())
    site = company.sites[0]
    orders = [Case(company, site).register().id for _ in range(ORDERS)]
    turn = itertools.cycle(orders)
    callers = [site.as_(role) for role in ("agent", "manager", "cashier", "technician", "dispatcher", "storekeeper")]
    kinds = {
        "one order": lambda: f"/work-orders/{next(turn)}",
        "a page of 50": lambda: f"/work-orders?site_id={site.id}&state=registered",
    }
    for caller in callers:  # sign-in is not what is measured
        caller.get("/me")
    rows = []
    with Suite.open(running.data, running=True) as suite:
        database = suite.databases["orders"]
        os.environ["AFTERSALES_DATABASE_URL_ORDERS"] = database.app_url
        os.environ["AFTERSALES_JWKS"] = str(suite.folder.public_keys)
        settings.cache_clear()
        asked = Asked(build_app(SERVICE), lambda _: str(site.as_("manager").token))
        for what, target in kinds.items():
            seen = _statements(asked, "/api/v1" + target())
            before = meter.read(suite.folder, suite.databases)
            calls: list[int] = []

            def through(target: Callable[[], str] = target, calls: list[int] = calls) -> float:
                with ExitStack() as stack:
                    chosen = _spread(callers, arguments.clients)
                    readers = [stack.enter_context(closing(Reader(one.base, str(one.token)))) for one in chosen]
                    made, rate = crowd([partial(_read, one, target) for one in readers], arguments.seconds)
                calls.append(made)
                return rate

            def bare(seen: Sequence[Seen] = seen) -> float:
                return _bare(database.app_url, site.path, seen, arguments.clients, arguments.seconds)

            values, floors = ratios.in_turn(arguments.rounds, through, bare)
            rows.append(ratios.Ratio.of(what, values, floors))
            after = meter.read(suite.folder, suite.databases)
            spent = (f"{name} {(after.cpu[name] - before.cpu[name]) * 1000 / sum(calls):.2f}" for name in PROCESSES)
            console.print(f"{what}: {len(seen)} statements, CPU ms {', '.join(spent)}")
    ratios.show(console, f"reads by {arguments.clients} clients", "per second", "SQL alone", rows)
    return 0


def _read(reader: Reader, target: Callable[[], str]) -> None:
    reader.get(target())


def _spread(callers: Sequence[Any], clients: int) -> list[Any]:
    return [callers[index % len(callers)] for index in range(clients)]


def crowd(calls: Sequence[Callable[[], object]], seconds: float) -> tuple[int, float]:
    """How many calls were made when each client calls as fast as it can, and how many a second."""
    began = time.monotonic()

    def client(call: Callable[[], object]) -> int:
        made = 0
        while time.monotonic() - began < seconds:
            call()
            made += 1
        return made

    with ThreadPoolExecutor(len(calls)) as pool:
        made = sum(pool.map(client, calls))
    return made, made / (time.monotonic() - began)


def _statements(asked: Asked, target: str) -> list[Seen]:
    asked.get(target, "")
    asked.seen.clear()
    status, answer, _ = asked.get(target, "")
    assert status == 200, answer
    return list(asked.seen)


def _bare(url: str, scope: str, seen: Sequence[Seen], clients: int, seconds: float) -> float:
    """The same statements in transactions of the same shape, and nothing made of their rows."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    opening = f"BEGIN READ ONLY; SET LOCAL app.scope = '{scope}'; "

    def client() -> Callable[[], None]:
        connection = psycopg2.connect(plain, options="-c jit=off")
        connection.autocommit = True
        cursor = connection.cursor()
        connections.append(closing(connection))

        def once() -> None:
            for index, one in enumerate(seen):
                cursor.execute((opening if index == 0 else "") + one.statement, one.parameters)
                cursor.fetchall()
            cursor.execute("COMMIT")

        return once

    connections: list[Any] = []
    try:
        return crowd([client() for _ in range(clients)], seconds)[1]
    finally:
        for connection in connections:
            connection.__exit__(None, None, None)
