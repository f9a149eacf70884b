"""docs/functions.md: every row points at operations and tests that exist."""

import re

import pytest

from tests.support.contracts import operations
from tests.support.world import ROOT

DOCUMENT = ROOT / "docs/functions.md"
ROW = re.compile(r"^\|\s*([A-Z]-\d+[^|]*)\|([^|]*)\|([^|]*)\|")
CALL = re.compile(r"(GET|POST|PUT|PATCH|DELETE)\s+(/[\w/{}.-]+)")
TEST = re.compile(r"(tests/[\w/.-]+\.py)(?:::(\w+))?")


def rows() -> list[tuple[str, str, str]]:
    if not DOCUMENT.exists():
        return []
    found = (ROW.match(line) for line in DOCUMENT.read_text(encoding="utf-8").splitlines())
    return [(match[1].strip(), match[2], match[3]) for match in found if match]


def test_there_is_a_catalogue():
    assert DOCUMENT.exists() and rows()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_row_points_at_what_exists(row: tuple[str, str, str]):
    id_, calls, tests = row
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
