"""`bench lists`: every list, sort, filter and search of the contracts at a million orders, beside the same at ten thousand."""

from __future__ import annotations

import argparse
import gc
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from rich.console import Console
from sqlalchemy import make_url

from bench import people, plans, ratios
from bench.asking import Asked
from bench.filling import Company
from chassis import contracts
from chassis.contracts import Operation
from chassis.db import cursors
from chassis.domain.principal import Principal
from chassis.http import outside
from chassis.service import Service, find_service
from deploy.local.databases import NAMES
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.suite import Servers

WHOLE, BRANCH, SITE = "/HQ/", "/HQ/B0/", "/HQ/B0/S0/"
"""The site is a repair centre as well: a hundredth of the company's devices are there (filling.py)."""
REACH = 1.5
TOTAL = 200.0
"""Milliseconds within which a list is counted at a million orders, as headquarters and branch too: what it costs grows with the rows, so it is held to
no ratio."""
NO_INDEX = " (no index)"
COUNTED = "counted,"
KNOWN = {
    "sort=amount, deep": "PostgreSQL compares numerics only behind row-level security, so it cannot start in the middle",
    **dict.fromkeys(
        ("sort=customer_total, deep", "sort=maker_total, deep", "sort=open_amount, deep"), "the same"
    ),
    **dict.fromkeys(
        tuple(f"stock.search sort={direction}{name}" for name in ("on_hand", "reserved", "available") for direction in ("", "-")),
        "an index on each quantity would cost every movement; what is read grows with sites and parts, not with years",
    ),
    NO_INDEX: "people ask for it seldom: what the other conditions leave is gone through, a page of it is kept in memory, for 30 s at most",
    "q=unit7 w77": "two words that many orders have: those of the rarer are looked up",
    **dict.fromkeys(
        ("customers.search sort=name", "customers.search sort=-name"), "names are sealed, so the service sorts; refused above 10,000"
    ),
}
"""What is known to read too much, or to be refused, and why: asked once, since most take seconds, and held to no line; a refusal is told."""
UNASKED = {"streams.me", "attachments.from_work_order", "attachments.from_device"}
"""Answers that never end, and files, of which a made company has none."""
TYPED: dict[str, list[str]] = {
    "orders.repairs.search": ["RE2600000", "RE2600000777", people.phones(777)[0][3:], "1390", "13900", "SN000000777", "SN00", "w77", "unit7",
                              "unit7 w77", "device", "device unit7"],
    "orders.devices.search": ["SN000000777", "SN00"],
    "callcenter.customers.search": ["customer 777", "cust"],
}
"""What people type: found once, found often, in every document. Elsewhere the beginning of a name."""
GIVEN = {
    "online": "true", "deleted": "false", "active": "true", "since": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z",
    "path": "/api/v1/work-orders/", "due_by": "2100-01-01", "username": "user7", "phone": people.phones(777)[0][3:],
}  # fmt: skip
"""Filters that no member of an item tells the value of."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=1_000_000, help="of the large company (default 1,000,000)")
    parser.add_argument("--beside", type=int, default=10_000, help="of the small one (default 10,000)")
    parser.add_argument("--repeat", type=int, default=15, help="calls of each kind on each (default 15)")
    parser.add_argument("--only", default="", help="operations whose service and id contain this")
    parser.add_argument("--plans", action="store_true", help="print every plan, not only those that read too much")


def run(arguments: argparse.Namespace, _running: object = None) -> int:
    """0 when no statement went through a whole table and every ratio is within reach, else 1."""
    console, good = Console(highlight=False, width=160), True
    with postgres() as server:
        for name in NAMES:
            service = find_service(name)
            chosen = [o for o in contracts.operations(name) if wanted(o) and arguments.only in f"{name}.{o.operation_id}"]
            if chosen:
                with _both(service, server, arguments) as (small, large):
                    gc.collect()
                    gc.freeze()  # as the processes of a suite do: a collection would go over everything that is loaded
                    good &= Sweep(console, small, large, arguments).run(chosen)
    return 0 if good else 1


def wanted(operation: Operation) -> bool:
    return operation.method == "get" and operation.operation_id not in UNASKED


@contextmanager
def postgres() -> Iterator[str]:
    """URL of the server given, else of one that is gone afterwards."""
    given = Servers.given()
    if given:
        yield given.database_url
        return
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as embedded:
        yield embedded.url()


@contextmanager
def _both(service: Service, server: str, arguments: argparse.Namespace) -> Iterator[tuple[Filled, Filled]]:
    from tests.support.serving import served

    with ExitStack() as stack:
        asked = []
        for orders in (arguments.beside, arguments.orders):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            there = stack.enter_context(served(service, server, folder))
            Company(orders).fill(service, server, str(make_url(there.database.app_url).database))
            asked.append(Filled(there, Company(orders)))
            stack.callback(asked[-1].close)
        yield asked[0], asked[1]


_PARAMETER = re.compile(r"\{(\w+)\}")


def _noun(parameter: str) -> str:
    noun = parameter.removesuffix("_id")
    return {"org_unit": "unit"}.get(noun, noun)


class Filled(Asked):
    """A service on a filled database."""

    def __init__(self, served: Any, company: Company) -> None:
        from tests.support.serving import token

        self.company = company
        super().__init__(served.app, token)

    def has(self, operation: Operation) -> bool:
        """Whether there are documents for all parameters of its path."""
        return all(noun == "key" or self.company.count(noun) for noun in map(_noun, _PARAMETER.findall(operation.path)))

    def items(self, target: str, scope: str) -> int:
        """How long the page is: a longer one costs more, whatever it is read from."""
        return len((self.get(target, scope)[1] or {}).get("items", ()))

    def path(self, operation: Operation) -> str:
        """With the middle document of its kind for each parameter."""
        return _PARAMETER.sub(lambda found: self._middle(_noun(found[1])), operation.path)

    def indexes(self, operation: Operation, key: str) -> bool:
        """Whether an index over all rows of the table that the list is named after has this column's order, alone or with the id behind
        it. Where it may be empty, empty values come last both ways, which no index has."""
        table = operation.path.rpartition("/")[2].replace("-", "_")
        with closing(self.engine.raw_connection()) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND indexdef NOT LIKE '%% WHERE %%' AND NOT EXISTS (SELECT FROM information_schema.columns"
                " WHERE table_name = tablename AND column_name = %s AND is_nullable = 'YES')",
                (table, key),
            )
            return any(re.search(rf"\({key}(, id)?\)", told) for (told,) in cursor.fetchall())

    def _middle(self, noun: str) -> str:
        count = self.company.count(noun)
        if noun == "key":
            return "tax.rate"
        with closing(self.engine.raw_connection()) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT {self.company.uuid(noun, str(count // 2))}")
            return str(cursor.fetchone()[0])


@dataclass
class Sweep:
    """Goes over the operations of one service on both databases."""

    console: Console
    small: Filled
    large: Filled
    arguments: argparse.Namespace

    def run(self, operations: list[Operation]) -> bool:
        good, rows = True, []
        told: dict[str, int] = {}
        bare = [operation for operation in operations if not self.large.has(operation)]
        if bare:
            self.console.print(f"not asked, for nothing of theirs is filled: {', '.join(o.operation_id for o in bare)}")
        for operation in operations:
            if operation in bare:
                continue
            for label, small, large, scope in self._kinds(operation):
                why = next((why for part, why in KNOWN.items() if part in label), None)
                if why:
                    told[why] = told.get(why, 0) + 1
                counts = COUNTED in label
                if not (why or counts) or self.arguments.plans:
                    good &= self._planned(label, large, scope) or why is not None
                more = not why and self.large.items(large, scope) > self.small.items(small, scope)
                values: tuple[list[float], list[float]] = ([], [])
                gc.collect()  # of what this benchmark keeps: one collection in twelve calls would be their p95
                for _ in range(1 if why else self.arguments.repeat):
                    for asked, target, kept in ((self.small, small, values[0]), (self.large, large, values[1])):
                        status, _, seconds = asked.get(target, scope)
                        kept.append(seconds * 1000)
                if status != 200:
                    self.console.print(f"{label}: {large} answers {status}{f' (known: {why})' if why else ''}", markup=False)
                    good &= why is not None and status < 500
                label += " (known)" * (why is not None) + " (longer page)" * more
                rows.append(ratios.Ratio(label, ratios.p95(values[1]), ratios.p95(values[0]), None if why or more or counts else REACH))
                if counts and rows[-1].value > TOTAL:
                    self.console.print(f"{label}: {rows[-1].value:.0f} ms, more than {TOTAL:.0f}", markup=False)
                    good = good and self.arguments.orders > 1_000_000
        title = f"{operations[0].service}, p95 of {self.arguments.repeat} calls"
        sizes = [f"ms at {asked.company.orders:,}" for asked in (self.large, self.small)]
        within = ratios.show(self.console, title, sizes[0], sizes[1], rows)
        for why, ways in told.items():
            self.console.print(f"{ways} known to go through more, asked once: {why}", markup=False)
        return within and good

    def _planned(self, label: str, target: str, scope: str) -> bool:
        """Whether it is answered, and no statement of the call reads more than it may."""
        self.large.seen.clear()
        status, answer, _ = self.large.get(target, scope)
        if status != 200:
            self.console.print(f"{label}: {target} answers {status} {answer}", markup=False)
            return False
        good = True
        for seen in list(self.large.seen):
            plan = plans.explain(self.large.engine, Principal("bench", scope, frozenset("*")), seen)
            if plan.wide or self.arguments.plans:
                self.console.print(f"{label}: {'reads too much' if plan.wide else 'plan'} {'; '.join(plan.wide)}", markup=False)
                self.console.print("\n".join(f"    {line}" for line in plan.lines()), markup=False)
            good &= not plan.wide
        return good

    def _kinds(self, operation: Operation) -> Iterator[tuple[str, str, str, str]]:
        """(what it is, target on the small one, on the large one, scope) of every way to ask."""
        name, is_list = operation.operation_id, any(p["name"] == "cursor" for p in operation.spec["parameters"])
        paths = self.small.path(operation), self.large.path(operation)
        if not is_list:
            yield name, *paths, WHOLE
            return
        for scope, word in ((WHOLE, "all"), (BRANCH, "one branch"), (SITE, "one site")):
            yield f"{name} {word}", *paths, scope
            if any(parameter["name"] == "total" for parameter in operation.spec["parameters"]):
                yield f"{name} {COUNTED} {word}", f"{paths[0]}?total=true&limit=1", f"{paths[1]}?total=true&limit=1", scope
        for sort in operation.spec.get("x-sorts", ()):
            bare = "" if self.large.indexes(operation, sort) else NO_INDEX
            for direction in (sort, f"-{sort}"):
                yield f"{name} sort={direction}{bare}", f"{paths[0]}?sort={direction}", f"{paths[1]}?sort={direction}", WHOLE
            deep = [self._deep(asked, path, sort) for asked, path in zip((self.small, self.large), paths, strict=True)]
            if all(deep):
                yield f"{name} sort={sort}, deep{bare}", str(deep[0]), str(deep[1]), WHOLE
        for filter_ in (p for p in operation.spec["parameters"] if p["in"] == "query"):
            if filter_["name"] not in ("limit", "cursor", "sort", "total", "format"):
                yield from self._filtered(operation, filter_, paths)

    def _filtered(
        self, operation: Operation, filter_: dict[str, Any], paths: tuple[str, str]
    ) -> Iterator[tuple[str, str, str, str]]:
        name, member = filter_["name"], outside.asks_of(filter_)
        bare = "" if name == member or self.large.indexes(operation, member) else NO_INDEX
        typed = TYPED.get(f"{operation.service}.{operation.operation_id}", ["user 7", "name-7", "S7"])
        for value in typed if name in ("q", "serial_number") else [None]:
            targets = []
            for asked, path in zip((self.small, self.large), paths, strict=True):
                given = value or GIVEN.get(name) or self._value(asked, path, member, filter_["schema"])
                targets.append(f"{path}?{urlencode({name: given})}")
            yield f"{operation.operation_id} {name}={value or ''}{bare}", targets[0], targets[1], WHOLE
            if name != "q":
                continue
            yield f"{operation.operation_id} {name}={value} of a site", targets[0], targets[1], SITE

    def _value(self, asked: Filled, path: str, name: str, schema: dict[str, Any]) -> str:
        """What an item of the list has there; of an empty list what the contract allows."""
        answer = asked.get(f"{path}?limit=200", WHOLE)[1]
        items = (answer or {}).get("items", [])
        found = [item[name] for item in items if item.get(name) not in (None, "")]
        if found:
            middle = found[len(found) // 2]
            return str(middle).lower() if isinstance(middle, bool) else str(middle)
        if name.endswith("_id") or schema.get("format") == "uuid":
            return asked._middle(_noun(name))
        by_shape = {"date": "2026-06-01", "date-time": "2026-06-01T00:00:00Z"}.get(schema.get("format", ""), "1.00" if "x-amount" in schema else "x")
        return str(schema.get("enum", [{"boolean": "true", "integer": "200", "number": "1"}.get(schema["type"], by_shape)])[0])

    def _deep(self, asked: Filled, path: str, sort: str) -> str | None:
        """The page that begins where all but the last few items have passed."""
        status, answer, _ = asked.get(f"{path}?sort=-{sort}", WHOLE)
        if status != 200 or not answer.get("next_cursor"):
            return None
        list_, _, value, id = cursors.parts(answer["next_cursor"])
        return f"{path}?sort={sort}&cursor={quote(cursors.encode(list_, sort, value, id))}"
