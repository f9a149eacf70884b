"""What makes a test depend on what ran before it, or on how long that took."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cells import over
from tests.support.world import ROOT, sources

CLOCKS = {"now", "utcnow", "today", "time", "monotonic"}


def test_what_a_folder_of_tests_shares_ends_with_it():
    """pytest knows packages, not folders: elsewhere scope "package" is the session's, and a suite lives on beside all others."""
    sharing = [path for path in (ROOT / "tests").rglob("*.py") if 'scope="package"' in path.read_text(encoding="utf-8")]
    assert sharing
    bare = [str(path.parent.relative_to(ROOT)) for path in sharing if path.name == "conftest.py" and not (path.parent / "__init__.py").exists()]
    assert bare == []


def called(node: ast.AST) -> str:
    """The last word of what is called: ``now`` of ``datetime.now(UTC)``."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Whatever is carried out when the file is imported: no bodies of functions, but what decorates them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            evaluated = [*child.decorator_list, *child.args.defaults, *filter(None, child.args.kw_defaults)]
            yield from (each for one in evaluated for each in (one, *at_import(one)))
        elif not isinstance(child, ast.Lambda) and "__name__ ==" not in (ast.unparse(child.test) if isinstance(child, ast.If) else ""):
            yield child
            yield from at_import(child)


def early(text: str) -> list[int]:
    """Lines that look at a clock when the file is imported, by themselves or by a function of the file."""
    tree, clocks, known = ast.parse(text), set(CLOCKS), 0
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    while len(clocks) > known:
        known = len(clocks)
        clocks |= {one.name for one in functions if any(called(node) in clocks for node in ast.walk(one))}
    return [node.lineno for node in at_import(tree) if isinstance(node, ast.Call) and called(node) in clocks]


@over("path", sources("tests"), lambda path: path.relative_to(ROOT))
def test_clocks_are_read_when_the_test_runs(path: Path):
    """All files are read before the first test, and the last one runs many minutes later: what was to come is past by then."""
    assert early(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("text", "lines"), [
    ("DAY = date.today()", [1]),
    ("def f():\n  return g()\ndef g():\n  return datetime.now(UTC)\n@case(f())\ndef test(day): pass", [5]),
    ("def f(day=now()): pass\nclass A:\n  at = time.time()", [1, 3]),
    ("CASES = [lambda: now()]\ndef test():\n  return datetime.now(UTC)", []),
])  # fmt: skip
def test_the_search_would_notice(text: str, lines: list[int]):
    assert early(text) == lines
