"""Loads real repairs in the format of the Open Repair Data Standard (`import ords FILE`), through the API alone.

Again adds nothing: products and sites have codes made from their names, orders their id in the file. A row that says something
else than when it was taken over changes nothing either, but is told.
"""

from __future__ import annotations

import argparse
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.local import ords
from deploy.local.api import TRANSPORT_ERRORS, Api, ApiError
from deploy.local.suite import Refused, Suite

BATCH = 500
CLIENTS = 4
SHOWN = 50  # refused and differing rows told one by one
RESULTS = {"created": "created", "exists": "there already", "differs": "there with other content", "refused": "refused"}
WRONG = ("differs", "refused")
PATIENCE = 120.0  # seconds a restarting suite is waited for


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", choices=["ords"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--limit", type=int, metavar="N", help="the first N rows only")


def run(arguments: argparse.Namespace) -> int:
    """0 all rows are in as the file has them, 1 some were refused or differ from what is there, 2 the file is unusable."""
    if arguments.limit is not None and arguments.limit < 0:
        raise Refused("--limit takes a number of rows")
    console = Console(highlight=False)
    try:
        ords.check(arguments.file)
        total = sum(1 for _ in islice(ords.rows(arguments.file), arguments.limit))
        with Suite.open(arguments.data, running=True) as suite:
            assert suite.base_url is not None
            api = Api(suite.base_url, tokens=suite.token, patience=PATIENCE)
            tally = _load(api, islice(ords.rows(arguments.file), arguments.limit), total, console)
    except ords.Unusable as error:
        raise Refused(str(error)) from None
    except (ApiError, *TRANSPORT_ERRORS) as error:
        raise Refused(f"the suite did not take it: {error}") from None
    _print(tally, console)
    return 1 if tally.wrong else 0


class Tally:
    """Counts by status of the file and by what became of the rows; the first wrong ones with their reasons."""

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, str]] = Counter()
        self.sites: Counter[str] = Counter()
        self.categories: Counter[str] = Counter()
        self.made: Counter[str] = Counter()
        self.errors: list[str] = []

    @property
    def wrong(self) -> int:
        return sum(count for (_, result), count in self.rows.items() if result in WRONG)

    def note(self, row: ords.Row, result: str, why: str = "") -> None:
        self.rows[row.values.get("repair_status", "(broken)"), result] += 1
        if result in WRONG and len(self.errors) < SHOWN:
            self.errors.append(f"line {row.line}{_named(row)}: {why}")
        if result != "refused":
            self.sites[row.values["group_identifier"]] += 1
            self.categories[row.values["product_category"]] += 1


def _named(row: ords.Row) -> str:
    return f" ({row.values['id']})" if row.values.get("id") else ""


def _load(api: Api, rows: Iterable[ords.Row], total: int, console: Console) -> Tally:
    tally, catalogue = Tally(), Catalogue(api)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(CLIENTS) as pool:
        bar = progress.add_task("repairs", total=total)
        catalogue.read()
        for batch in _batches(rows):
            good = [row for row in batch if not _refused_here(row, tally)]
            catalogue.complete((row.values for row in good), pool, tally)
            _send(api, catalogue, good, tally)
            progress.advance(bar, len(batch))
    return tally


def _batches(rows: Iterable[ords.Row]) -> Iterator[list[ords.Row]]:
    source = iter(rows)
    while batch := list(islice(source, BATCH)):
        yield batch


def _refused_here(row: ords.Row, tally: Tally) -> bool:
    """What cannot even be said to the API."""
    why = row.error
    if why is None:
        empty = [name for name in ("id", "data_provider", "group_identifier", "product_category") if not row.values[name].strip()]
        if empty:
            why = f"{', '.join(empty)} is empty"
        elif ords.outcome(row.values) is None:
            why = f"repair_status: {row.values['repair_status']!r} is none of the standard's"
    if why is not None:
        tally.note(row, "refused", why)
    return why is not None


def _send(api: Api, catalogue: Catalogue, rows: list[ords.Row], tally: Tally) -> None:
    """One batch call; halved where it is over the size limit."""
    ready = []
    for row in rows:
        ids = catalogue.ids(row.values)
        if isinstance(ids, str):
            tally.note(row, "refused", ids)
        else:
            ready.append((row, ords.order(row.values, *ids)))
    if not ready:
        return
    answer = api.call("POST", "/work-orders/history", {"rows": [order for _, order in ready]}, key=uuid.uuid4().hex)
    if answer.code == "payload_too_large" and len(ready) > 1:
        half = len(rows) // 2
        _send(api, catalogue, rows[:half], tally)
        return _send(api, catalogue, rows[half:], tally)
    if not answer.ok:
        raise ApiError("POST", "/work-orders/history", answer)
    for (row, _), result in zip(ready, answer.json["results"], strict=True):
        why = "; ".join(f"{error['field']}: {error['code']}" for error in result.get("errors", ()))
        if differs := result.get("differs"):
            why = f"is there already with another {', '.join(differs)}; left as it is"
        tally.note(row, result["status"], why)


def _print(tally: Tally, console: Console) -> None:
    for line in tally.errors:
        console.print(line, markup=False)
    if tally.wrong > len(tally.errors):
        console.print(f"… and {tally.wrong - len(tally.errors)} more")
    table = Table("status in the file", *RESULTS.values(), "all")
    for status in sorted({status for status, _ in tally.rows}):
        counts = [tally.rows[status, result] for result in RESULTS]
        table.add_row(status, *map(str, counts), str(sum(counts)))
    sums = [sum(n for (_, result), n in tally.rows.items() if result == kind) for kind in RESULTS]
    table.add_section()
    table.add_row("all", *map(str, sums), str(sum(sums)))
    console.print(table)
    console.print(
        f"{len(tally.sites)} sites ({tally.made['sites']} new), {len(tally.categories)} categories, "
        f"{tally.made['products']} new products"
    )


class Catalogue:
    """Products and sites of the suite by code, made where the file names new ones."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.products: dict[str, str] = {}
        self.sites: dict[str, str] = {}
        self.problems: dict[str, str] = {}
        self._branch = False

    def read(self) -> None:
        """What earlier runs made."""
        for path, known in (("/products", self.products), ("/sites", self.sites)):
            for item in self.api.pages(path):
                if item["code"].startswith(f"{ords.BRANCH}-"):
                    known[item["code"]] = item["id"]

    def complete(self, rows: Iterable[dict[str, str]], pool: ThreadPoolExecutor, tally: Tally) -> None:
        """Make the products and sites of these rows that are not there yet."""
        products, sites = {}, {}
        for row in rows:
            products[ords.product_code(row["brand"], row["product_category"])] = row
            sites[ords.site_code(row["group_identifier"])] = row
        tally.made["sites"] += sum([self._site(code, row) for code, row in sites.items() if code not in self.sites])
        fresh = [(code, row) for code, row in products.items() if code not in self.products]
        tally.made["products"] += sum(pool.map(lambda pair: self._product(*pair), fresh))

    def ids(self, row: dict[str, str]) -> tuple[str, str] | str:
        """Site and product id, or why there are none."""
        site, product = ords.site_code(row["group_identifier"]), ords.product_code(row["brand"], row["product_category"])
        if site in self.sites and product in self.products:
            return self.sites[site], self.products[product]
        return self.problems.get(site) or self.problems[product]

    def _product(self, code: str, row: dict[str, str]) -> bool:
        body = {
            "code": code, "name": f"{row['brand']} {row['product_category']}".strip(), "brand": row["brand"],
            "category": row["product_category"], "warranty_months": 12,
        }
        return self._make("/products", code, body, self.products)

    def _site(self, code: str, row: dict[str, str]) -> bool:
        if not self._branch:
            self._unit(ords.BRANCH, "Open Repair Data", "branch", "HQ")
            self._branch = True
        name = row["group_identifier"]
        self._unit(code, name, "site", ords.BRANCH)
        body = {"code": code, "name": name, "org_unit_code": code, "time_zone": ords.zone(row["country"])}
        return self._make("/sites", code, body, self.sites)

    def _unit(self, code: str, name: str, kind: str, parent: str) -> None:
        """Made once; a run that was broken off may have made it before. Of an invalid name the site's refusal tells."""
        body = {"code": code, "name": name, "kind": kind, "parent_code": parent}
        answer = self.api.call("POST", "/org-units", body, key=uuid.uuid4().hex)
        if not answer.ok and answer.code not in ("duplicate", "validation_failed"):
            raise ApiError("POST", "/org-units", answer)

    def _make(self, path: str, code: str, body: dict[str, Any], known: dict[str, str]) -> bool:
        """Whether a new one was made. What the API refuses as invalid is told with the rows that need it."""
        deadline = time.monotonic() + PATIENCE
        while (answer := self.api.call("POST", path, body, key=uuid.uuid4().hex)).code == "unknown_reference":
            if time.monotonic() > deadline:  # the org unit was made a moment ago: its news may be held up
                break
        if answer.ok:
            known[code] = answer.json["id"]
            return True
        if answer.code == "duplicate":  # somebody else was faster
            known[code] = next(item["id"] for item in self.api.get(path, code=code)["items"])
        elif answer.code in ("validation_failed", "unknown_reference"):
            errors = answer.json.get("errors", [{"field": answer.json.get("field", ""), "code": answer.code}])
            told = "; ".join(f"{error['field']}: {error['code']}" for error in errors)
            self.problems[code] = f"{path.strip('/')} {body['name']!r}: {told}"
        else:
            raise ApiError("POST", path, answer)
        return False
