"""docs/functions.md: one row a function, which is whole or says what is missing, and points at operations and tests that exist."""

import re
from typing import NamedTuple

from tests.support.cells import over
from tests.support.contracts import operations
from tests.support.world import ROOT

DOCUMENT = ROOT / "docs/functions.md"
ROW = re.compile(r"^\|\s*([A-Z]-\d+)([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$")
CALL = re.compile(r"(GET|POST|PUT|PATCH|DELETE)\s+(/[\w/{}.-]+)")
TEST = re.compile(r"(tests/[\w/.-]+\.py)(?:::(\w+))?")


class Row(NamedTuple):
    id: str
    name: str
    state: str
    missing: str
    calls: str
    tests: str


def rows() -> list[Row]:
    found = (ROW.match(line) for line in DOCUMENT.read_text(encoding="utf-8").splitlines())
    return [Row(*(cell.strip() for cell in match.groups())) for match in found if match]


def test_one_row_a_function():
    ids = [row.id for row in rows()]
    assert ids and len(ids) == len(set(ids))
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if re.match(r"\|\s*[A-Z]-\d+", line)]
    assert len(lines) == len(ids), "a row that is not understood"


@over("row", rows(), lambda row: row.id)
def test_a_row_is_whole_or_says_what_is_missing(row: Row):
    assert (row.state, row.missing == "–") in {("whole", True), ("part", False)} and row.name and row.missing
    whole = {other.id for other in rows() if other.state == "whole"}
    for waits in re.findall(r"waits? for ((?:[A-Z]-\d+(?:, | and )?)+)", row.missing):
        assert not whole & set(re.findall(r"[A-Z]-\d+", waits)), f"{row.id} waits for what is whole"


@over("row", rows(), lambda row: row.id)
def test_row_points_at_what_exists(row: Row):
    id_, calls, tests = row.id, row.calls, row.tests
    known = {(operation.method.upper(), re.sub(r"\{\w+\}", "{}", operation.path.removeprefix("/api/v1")))
             for operation in operations()}
    for method, path in CALL.findall(calls):
        assert (method, re.sub(r"\{\w+\}", "{}", path)) in known, f"{id_}: {method} {path} is no operation"
    named = TEST.findall(tests)
    assert named, f"{id_} names no test"
    for path, function in named:
        file = ROOT / path
        assert file.exists(), f"{id_}: {path} is not there"
        assert not function or f"def {function}(" in file.read_text(encoding="utf-8"), f"{id_}: {path} has no {function}"
