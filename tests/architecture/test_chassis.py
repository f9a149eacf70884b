"""The chassis can be read from below: no module needs one that needs it, and nothing of a library is touched that it keeps for itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.cells import over
from tests.support.world import ROOT

SOURCES = {path: ast.parse(path.read_text()) for path in sorted((ROOT / "chassis").rglob("*.py"))}
NAMED_TUPLES = {"_make", "_replace", "_asdict", "_fields"}
"""Documented for everybody; they begin so lest they meet a field's name."""
DOCUMENTED = {"os._exit"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): tree for path, tree in SOURCES.items()}


def imported(tree: ast.AST, modules: set[str]) -> set[str]:
    """Which of these modules a source imports, at its top or in a function, for types or to run."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & modules or {node.module}
    return found & modules


def cycle(sources: dict[str, ast.Module]) -> list[str]:
    """Modules of a cycle in order; none when there is none."""
    try:
        TopologicalSorter({name: imported(tree, set(sources)) - {name} for name, tree in sources.items()}).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def private(tree: ast.Module, beside: Iterable[ast.Module] = ()) -> Iterator[str]:
    """Names beginning with one underscore that are taken from something else than ``self``, ``cls`` or a name of the same source:
    attributes, imports, ``getattr``; and those of ``self`` that no class gives it, here or in the sources ``beside``."""
    ours = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    members = set().union(*map(given, (tree, *beside)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and hidden(node.attr):
            said = ast.unparse(node)
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner in {"self", "cls"}:
                if node.attr not in members:
                    yield said
            elif owner not in ours and node.attr not in NAMED_TUPLES and said not in DOCUMENTED:
                yield said
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [*getattr(node, "module", "").split("."), *(part for alias in node.names for part in alias.name.split("."))]
            yield from filter(hidden, names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"getattr", "setattr", "hasattr", "delattr"}:
            yield from (str(one.value) for one in node.args[1:2] if isinstance(one, ast.Constant) and hidden(str(one.value)))


def hidden(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def given(tree: ast.Module) -> set[str]:
    """What the classes of a source define: methods, members of the class, and members that methods set."""
    found = set()
    for node in (node for one in ast.walk(tree) if isinstance(one, ast.ClassDef) for node in ast.walk(one)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.attr if isinstance(node, ast.Attribute) else node.id)
    return found


def test_no_module_needs_one_that_needs_it():
    assert cycle(MODULES) == []


def test_no_package_needs_one_that_needs_it():
    packages: dict[str, ast.Module] = {}
    for name, tree in MODULES.items():
        package = ".".join(name.split(".")[:2])
        packages.setdefault(package, ast.Module([], [])).body.extend(tree.body)
    within = {package: {".".join(name.split(".")[:2]) for name in imported(tree, set(MODULES))} for package, tree in packages.items()}
    TopologicalSorter({package: needed - {package} for package, needed in within.items()}).prepare()


@pytest.mark.parametrize("source", ["import b", "def f():\n    from b import x", "if TYPE_CHECKING:\n    import b"])
def test_a_cycle_is_found_wherever_it_hides(source: str):
    assert set(cycle({"a": ast.parse(source), "b": ast.parse("import a")})) == {"a", "b"}


@over("path", SOURCES, module_of)
def test_nothing_private_of_others_is_touched(path: Path):
    tree = SOURCES[path]
    assert list(private(tree, [MODULES[name] for name in imported(tree, set(MODULES))])) == []


@pytest.mark.parametrize("source", [
    "app._middleware_app", "self._consumers_of_a_library", "from kombu._ext import x", "from x import _y", "getattr(app, '_routes')",
    "a.b._c()",
])  # fmt: skip
def test_what_is_private_is_found(source: str):
    assert list(private(ast.parse(source)))


@pytest.mark.parametrize("source", ["class A:\n    def _of(self): self._of()", "row._replace(a=1)", "class A: ...\nA._made", "_mine", "x.__dict__", "os._exit(1)"])
def test_what_is_ours_or_documented_is_not(source: str):
    assert not list(private(ast.parse(source)))
