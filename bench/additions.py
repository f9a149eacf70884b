"""What one more event, verb, kind of order, payer, account and kind of stock movement takes: each is made in a copy of the repository,
tried there, and counted.

    python -m bench.additions [event | verb | kind | payer | account | movement]

Prints files and lines that were added, the trial apart. Exit code 1 when a trial fails: then the figure would mean nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
WORK_ORDER = "contracts/orders/events/work_order.v1.json"
REPAIRS = "contracts/orders/openapi/repairs.yaml"
KINDS = "services/orders/repairs/kinds"
PAYERS = "contracts/common/payers.yaml"
STOCK = "contracts/inventory/openapi/stock.yaml"
CHART = "services/finance/ledger/chart.py"

TABLE = '''"""Visit (上门): a technician comes to the device and finds out what it is."""

from chassis.domain.machine import Machine, Move
from services.orders.repairs.states import State

VISIT = Machine(
    "visit",
    State,
    initial=State.REGISTERED,
    final={State.CANCELLED, State.COMPLETED},
    moves=[
        Move("assign", {State.REGISTERED}, State.REGISTERED, permission="orders.work_order.assign"),
        Move("start", {State.REGISTERED}, State.IN_REPAIR, permission="orders.work_order.start"),
        Move("diagnose", {State.IN_REPAIR}, State.COMPLETED, permission="orders.work_order.diagnose"),
        Move("cancel", {State.REGISTERED, State.IN_REPAIR}, State.CANCELLED, permission="orders.work_order.cancel"),
    ],
)
'''
VISITED = '''"""A visit is registered, started and ends with what was found; it is never quoted."""

from tests.integration.orders.conftest import Shop


def test_visit(shop: Shop) -> None:
    job = shop.order(kind="visit")
    assert job.document["allowed_actions"] == ["assign", "start", "cancel"]
    shop.refused(job.start().attempt("quote", {"labour": [], "parts": []}), 409, "bad_transition")
    order = job.diagnose().reload()
    assert (order["kind"], order["state"], order["allowed_actions"]) == ("visit", "completed", [])
    assert {verb.split(".")[1] for verb, *_ in shop.served.events(order["id"])} == {"registered", "assigned", "started", "diagnosed"}
'''


QUOTED = '''"""A dealer takes over half of a quote."""

from tests.integration.orders.conftest import Shop


def test_quote(shop: Shop) -> None:
    job = shop.order().start().diagnose()
    job.do("quote", {"labour": [{"rate_code": shop.rate, "hours": 1}], "parts": [], "shares": [{"payer": "dealer", "percent": 50}]})
    [line] = job.document["quote"]["lines"]
    assert sorted(share["payer"] for share in line["shares"]) == ["customer", "dealer"]
'''
BILLED = '''"""He owes it on an account of his own."""

from tests.integration.finance.conftest import Site
from tests.integration.finance.shared import POSITIONS, TAX, WHOLE, items, price, priced
from tests.support.serving import Served


def test_bill(api: Served, site: Site) -> None:
    content = priced(1, price(POSITIONS, TAX, WHOLE), [{"payer": "dealer", "party_id": None, "percent": 50}], "customer")
    owed = items(api, site.bill(billing=dict(content)))["dealer"]
    assert (owed["amount"], owed["account"]) == ("92.33", "receivable_dealers")
    (account,) = api.call("GET", "/accounts", code="receivable_dealers").json()["items"]
    assert account["system"]
'''
LISTED = '''"""The company has the account from the first migration on."""

from tests.integration.finance.conftest import Site
from tests.support.serving import Served


def test_account(api: Served, site: Site) -> None:
    (account,) = api.call("GET", "/accounts", code="cash_differences").json()["items"]
    assert (account["number"], account["nature"], account["system"]) == ("6711", "expense", True)
'''
MOVED = '''"""What a count finds is put in."""

from decimal import Decimal
from uuid import UUID

from chassis.domain.aggregate import new_id
from services.inventory.stock import Document
from tests.integration.inventory.store_room import StoreRoom


def test_found(room: StoreRoom) -> None:
    part = room.part()
    room.receive(part, 2, "3.0000")
    with room.opened(part) as (store,):
        store.put_back("found", store.good(UUID(part))[0], Decimal(1), Decimal("3.0000"), Document("stock_receipt", new_id()))
    (found,) = room.ok("GET", "/stock-movements", part_id=part, kind="found")["items"]
    assert (found["quantity"], found["value"]) == (1, "3.00")
    room.check()
'''


@dataclass(frozen=True)
class Addition:
    """``make`` edits the copy at this place; ``tests`` are pytest's arguments there, and ``trials`` tests written for it alone."""

    make: Callable[[Path], None]
    tests: tuple[str, ...] = ()
    trials: dict[str, str] = field(default_factory=dict)


def put(copy: Path, name: str, *changes: tuple[str, str]) -> None:
    """Each text once in the file's place of the other."""
    text = (copy / name).read_text(encoding="utf-8")
    for old, new in changes:
        if old not in text:
            raise SystemExit(f"{name} has no {old!r}: this script is older than the code")
        text = text.replace(old, new)
    (copy / name).write_text(text, encoding="utf-8")


def event(_: Path) -> None:
    """Saving a document whose published members differ announces it: nothing is written for it."""


def verb(copy: Path) -> None:
    put(copy, WORK_ORDER, ('    "parts_reserved":', '    "held": {"description": "It waits for the customer.", "example": 6},\n    "parts_reserved":'))
    told = '        self.waiting_for = Wait.CUSTOMER\n'
    put(copy, "services/orders/repairs/work_order.py", (told, f'{told}        self.record("held")\n'))


def kind(copy: Path) -> None:
    (copy / KINDS / "visit.py").write_text(TABLE, encoding="utf-8")
    imported = "from services.orders.repairs.kinds.repair import REPAIR\n"
    put(copy, f"{KINDS}/__init__.py", (imported, f"{imported}from services.orders.repairs.kinds.visit import VISIT\n"),
        ('"quick_job": QUICK_JOB}', '"quick_job": QUICK_JOB, "visit": VISIT}'))
    put(copy, REPAIRS, ("enum: [repair]", "enum: [repair, visit]"), ("enum: [repair, quick_job]", "enum: [repair, quick_job, visit]"))
    put(copy, WORK_ORDER, ('"enum": ["repair", "quick_job"]', '"enum": ["repair", "quick_job", "visit"]'))
    put(copy, "console/locale/en.yaml", ("    repair: Repair\n", "    repair: Repair\n    visit: Visit\n"))
    put(copy, "console/locale/zh-CN.yaml", ("    repair: 维修\n", "    repair: 维修\n    visit: 上门\n"))


def payer(copy: Path) -> None:
    line = '    dealer: {zh: 经销商, en: Dealer, account: {code: receivable_dealers, number: "1122.05", nature: asset, zh: 应收账款—经销商, en: Receivable from dealers}}\n'
    put(copy, PAYERS, ("    site: {zh:", f"{line}    site: {{zh:"))


def account(copy: Path) -> None:
    line = '    System("cash_differences", "6711", Nature.EXPENSE, "营业外支出—现金短款", "Cash differences"),\n'
    after = "    System(CUSTOMER_CREDITS,"
    put(copy, CHART, (after, f"{line}{after}"))


def movement(copy: Path) -> None:
    after = "        ship: {zh: 发运"
    put(copy, STOCK, (after, f"        found: {{zh: 盘盈, en: Found, sign: 1, serial: supplier}}\n{after}"))


CATALOGUES, CONTRACTS = "tests/unit/console/test_catalogues.py", "tests/contract"
ADDITIONS = {
    "event": Addition(event, ("tests/unit/chassis/messaging/test_events.py",)),
    "verb": Addition(verb, ("tests/architecture/test_events.py",)),
    "kind": Addition(kind, ("tests/architecture/test_events.py", "tests/architecture/test_machines.py", "tests/unit/orders", CATALOGUES),
                     {"tests/integration/orders/test_visit.py": VISITED}),
    "payer": Addition(payer, ("tests/architecture/test_events.py", "tests/unit/orders", CATALOGUES, CONTRACTS),
                      {"tests/integration/orders/test_dealer.py": QUOTED, "tests/integration/finance/test_dealer.py": BILLED}),
    "account": Addition(account, ("tests/unit/finance", CATALOGUES), {"tests/integration/finance/test_differences.py": LISTED}),
    "movement": Addition(movement, ("tests/unit/inventory", CATALOGUES, CONTRACTS), {"tests/integration/inventory/test_found.py": MOVED}),
}  # fmt: skip


def copy_to(place: Path) -> None:
    """The repository's files as they lie here, committed or not, as the first commit of a repository of its own."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    git(place, "init", "-q")
    commit(place)


def commit(place: Path) -> None:
    git(place, "add", "-A")
    git(place, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-q", "--allow-empty", "-m", "x")


def git(place: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=place, capture_output=True, text=True, check=True).stdout


class Count(NamedTuple):
    files: int
    lines: int


def counted(place: Path, addition: Addition) -> Count:
    """What it adds to a copy."""
    addition.make(place)
    commit(place)
    changed = [line.split("\t") for line in git(place, "diff", "--numstat", "HEAD~1").splitlines()]
    return Count(len(changed), sum(int(added) for added, *_ in changed))


def measure(addition: Addition) -> tuple[Count, bool]:
    """What it adds, and whether the trial passed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        copy_to(place)
        count = counted(place, addition)
        for name, trial in addition.trials.items():
            (place / name).write_text(trial, encoding="utf-8")
        tried = subprocess.run([sys.executable, "-P", "-m", "pytest", "-q", *addition.tests, *addition.trials], cwd=place, capture_output=True, text=True,
                               check=False, env={"PYTHONPATH": str(place), "PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"})  # fmt: skip
        if tried.returncode:
            print(tried.stdout[-3000:], file=sys.stderr)
        return count, tried.returncode == 0


def main(wanted: list[str]) -> int:
    table = Table("one more", "files", "lines", "tried")
    passed = True
    for name in wanted or ADDITIONS:
        count, good = measure(ADDITIONS[name])
        passed = passed and good
        table.add_row(name, str(count.files), str(count.lines), "yes" if good else "FAILED")
    Console().print(table)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
