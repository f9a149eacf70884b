"""`bench balances`: what accounts and parties stand at in a ledger of five million postings, where a part lies among two million rows of stock."""

from __future__ import annotations

import argparse
import gc
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table
from sqlalchemy import make_url

from bench import books, plans, ratios
from bench.asking import Asked
from bench.books import id_of
from bench.lists import postgres
from chassis.domain.principal import Principal
from chassis.service import Service, find_service

LIMIT = 50.0
"""Milliseconds of the slowest but one call in twenty."""
SCOPES = {"headquarters": "/HQ/", "branch": "/HQ/B0/", "site": "/HQ/B0/S0/"}
"""The site is the large one, and in the branch."""
LEDGER = ("ledger_postings", "ledger_entries")
MAKER, CUSTOMER = id_of("counterparty", 0), id_of("customer", 1000)
PART, TRACKED = id_of("part", 0), id_of("part", 1)
QUESTIONS: Mapping[str, Mapping[str, str]] = {
    "finance": {
        "balances of all accounts": "/accounts",
        "accounts by balance": "/accounts?sort=-balance",
        "balances of a maker": f"/counterparties/{MAKER}",
        "open items of a maker": f"/open-items?party_id={MAKER}&open=true",
        "all items of a maker": f"/open-items?party_id={MAKER}",
        "items of a customer": f"/open-items?party_id={CUSTOMER}",
    },
    "inventory": {
        "a part in every warehouse": f"/stock?part_id={PART}",
        "the same by its number": "/stock?part_number=P0",
        "by quality": f"/stock?part_id={PART}&by=quality",
        "by site": f"/stock?part_id={PART}&by=site",
        "by bin": f"/stock?part_id={PART}&by=bin",
        "by piece": f"/stock?part_id={TRACKED}&by=serial",
    },
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--postings", type=int, default=5_000_000, help="of the ledger (default 5,000,000; 0: not asked)")
    parser.add_argument("--stock", type=int, default=2_000_000, help="rows of stock (default 2,000,000; 0: not asked)")
    parser.add_argument("--repeat", type=int, default=30, help="calls of each question in each scope (default 30)")
    parser.add_argument("--plans", action="store_true", help="print every plan")


def run(arguments: argparse.Namespace, _running: object = None) -> int:
    """0 when every answer comes in time and none of them reads the ledger itself, else 1."""
    console, good = Console(highlight=False, width=160), True
    filled = (("finance", books.fill_finance, arguments.postings), ("inventory", books.fill_inventory, arguments.stock))
    with postgres() as server:
        for name, fill, size in filled:
            if size:
                with _full(find_service(name), server, fill, size) as asked:
                    title = f"{name}, {size:,} {'postings' if name == 'finance' else 'rows of stock'}, {arguments.repeat} calls each"
                    good &= _measured(console, title, asked, QUESTIONS[name], arguments)
    return 0 if good else 1


@contextmanager
def _full(service: Service, server: str, fill: Callable[[str, int], None], size: int) -> Iterator[Asked]:
    from tests.support.serving import served, token

    with tempfile.TemporaryDirectory() as folder, served(service, server, Path(folder)) as there:
        fill(books.superuser_url(server, make_url(there.database.app_url).database), size)
        asked = Asked(there.app, token)
        gc.collect()
        gc.freeze()  # as the processes of a suite do: a collection would go over everything that is loaded
        try:
            yield asked
        finally:
            asked.close()


def _measured(console: Console, title: str, asked: Asked, questions: Mapping[str, str], arguments: argparse.Namespace) -> bool:
    table, good = Table("", "as", "items", "rows read", "p50 ms", "p95 ms", "limit", title=title, title_justify="left"), True
    for what, target in questions.items():
        for who, scope in SCOPES.items():
            items, read = _looked_at(console, f"{what}, {who}", asked, f"/api/v1{target}", scope, arguments.plans)
            taken = [asked.get(f"/api/v1{target}", scope)[2] * 1000 for _ in range(arguments.repeat)]
            of_ledger = sum(read[name] for name in LEDGER)
            within = ratios.p95(taken) <= LIMIT and not of_ledger
            told = f"≤ {LIMIT:g}{'' if within else f' reads {of_ledger:,} of the ledger' if of_ledger else ' missed'}"
            table.add_row(what, who, f"{items}", f"{read.total():,}", f"{median(taken):.1f}", f"{ratios.p95(taken):.1f}", told)
            good &= within
    console.print(table)
    return good


def _looked_at(console: Console, label: str, asked: Asked, target: str, scope: str, tell: bool) -> tuple[int, Counter[str]]:
    """How many items it answers, and how many rows of each table its statements read."""
    asked.seen.clear()
    status, answer, _ = asked.get(target, scope)
    if status != 200:
        raise SystemExit(f"{label}: {target} answers {status} {answer}")
    read: Counter[str] = Counter()
    for seen in list(asked.seen):
        plan = plans.explain(asked.engine, Principal("bench", scope, frozenset("*")), seen)
        read += plan.tables
        if tell:
            console.print(label, *(f"\n    {line}" for line in plan.lines()), markup=False)
    return len(answer.get("items", answer.get("balances", ()))), read
