"""The ASVS table is whole and names nothing that is not there."""

from __future__ import annotations

import ast
import re

from tests.support.cells import over
from tests.support.world import ROOT

ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| (\S+) \| ([^|]+) \|$", re.MULTILINE)
REFERENCE = re.compile(r"`((?:tests|docs|deploy|chassis|gateway|console)/[\w./-]+)(?:::(\w+))?`")
ITEMS = {  # levels 1 and 2 of 4.0.3: section -> numbers
    "1.1": "1-7", "1.2": "1-4", "1.4": "1 4 5", "1.5": "1-4", "1.6": "1-4", "1.7": "1-2", "1.8": "1-2", "1.9": "1-2", "1.10": "1", "1.11": "1-2",
    "1.12": "2", "1.14": "1-6", "2.1": "1-12", "2.2": "1-3", "2.3": "1-3", "2.4": "1-5", "2.5": "1-7", "2.6": "1-3", "2.7": "1-6", "2.8": "1-7",
    "2.9": "1-3", "2.10": "1-4", "3.1": "1", "3.2": "1-4", "3.3": "1-4", "3.4": "1-5", "3.5": "1-3", "3.7": "1", "4.1": "1-3 5", "4.2": "1-2",
    "4.3": "1-3", "5.1": "1-5", "5.2": "1-8", "5.3": "1-10", "5.4": "1-3", "5.5": "1-4", "6.1": "1-3", "6.2": "1-6", "6.3": "1-2", "6.4": "1-2",
    "7.1": "1-4", "7.2": "1-2", "7.3": "1 3 4", "7.4": "1-3", "8.1": "1-4", "8.2": "1-3", "8.3": "1-8", "9.1": "1-3", "9.2": "1-4", "10.2": "1-2",
    "10.3": "1-3", "11.1": "1-8", "12.1": "1-3", "12.2": "1", "12.3": "1-6", "12.4": "1-2", "12.5": "1-2", "12.6": "1", "13.1": "1 3-5",
    "13.2": "1-3 5 6", "13.3": "1-2", "13.4": "1-2", "14.1": "1-4", "14.2": "1-6", "14.3": "2-3", "14.4": "1-7", "14.5": "1-4",
}  # fmt: skip


def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall((ROOT / "docs/asvs.md").read_text(encoding="utf-8"))


def wanted() -> list[str]:
    found = []
    for section, numbers in ITEMS.items():
        for part in numbers.split():
            first, _, last = part.partition("-")
            found += [f"{section}.{number}" for number in range(int(first), int(last or first) + 1)]
    return found


def test_every_item_stands_there_once():
    assert [item for item, *_ in rows()] == wanted()


def test_every_state_is_one_of_four_and_says_why():
    for item, _, state, why in rows():
        assert state in ("met", "part", "no", "n/a") and why.strip(), item


@over("item, why", [(row[0], row[3]) for row in rows() if REFERENCE.search(row[3])], lambda cell: cell[0])
def test_what_is_named_exists(item: str, why: str):
    for path, name in REFERENCE.findall(why):
        file = ROOT / path
        assert file.exists(), f"{item}: {path}"
        if name:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            assert any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body), f"{item}: {path}::{name}"
