"""What one more event, verb and kind of order takes: each is made in a copy of the repository, tried there, and counted.

    python -m bench.additions [event | verb | kind]

Prints files and lines that were added, the trial apart. Exit code 1 when a trial fails: then the figure would mean nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
WORK_ORDER = "contracts/orders/events/work_order.v1.json"
REPAIRS = "contracts/orders/openapi/repairs.yaml"
KINDS = "services/orders/repairs/kinds"

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
TRIAL = '''"""A visit is registered, started and ends with what was found; it is never quoted."""

from tests.integration.orders.conftest import Shop


def test_visit(shop: Shop) -> None:
    job = shop.order(kind="visit")
    assert job.document["allowed_actions"] == ["assign", "start", "cancel"]
    shop.refused(job.start().attempt("quote", {"labour": [], "parts": []}), 409, "bad_transition")
    order = job.diagnose().reload()
    assert (order["kind"], order["state"], order["allowed_actions"]) == ("visit", "completed", [])
    assert {verb.split(".")[1] for verb, *_ in shop.served.events(order["id"])} == {"registered", "assigned", "started", "diagnosed"}
'''


@dataclass(frozen=True)
class Addition:
    """``make`` edits the copy at this place; ``trial`` are pytest's arguments there."""

    make: Callable[[Path], None]
    trial: tuple[str, ...]


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


ADDITIONS = {
    "event": Addition(event, ("tests/unit/chassis/messaging/test_events.py",)),
    "verb": Addition(verb, ("tests/architecture/test_events.py",)),
    "kind": Addition(kind, (
        "tests/architecture/test_events.py", "tests/architecture/test_machines.py", "tests/unit/orders", "tests/unit/console/test_catalogues.py",
        "tests/integration/orders/test_visit.py",
    )),
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


def measure(addition: Addition, trial: str) -> tuple[Count, bool]:
    """What it adds, and whether the trial passed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        copy_to(place)
        count = counted(place, addition)
        (place / "tests/integration/orders/test_visit.py").write_text(trial, encoding="utf-8")
        tried = subprocess.run([sys.executable, "-P", "-m", "pytest", "-q", *addition.trial], cwd=place, capture_output=True, text=True,
                               check=False, env={"PYTHONPATH": str(place), "PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"})  # fmt: skip
        if tried.returncode:
            print(tried.stdout[-3000:], file=sys.stderr)
        return count, tried.returncode == 0


def main(wanted: list[str]) -> int:
    table = Table("one more", "files", "lines", "tried")
    passed = True
    for name in wanted or ADDITIONS:
        count, good = measure(ADDITIONS[name], TRIAL)
        passed = passed and good
        table.add_row(name, str(count.files), str(count.lines), "yes" if good else "FAILED")
    Console().print(table)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
