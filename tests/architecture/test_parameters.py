"""Parameters (G-16): what can be seen and set does something."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from gateway.settings.catalogue import catalogue, definitions
from tests.support.cells import over
from tests.support.world import ROOT

MODULES = [
    ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("services", "gateway", "chassis", "console")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
]
READING = {"value", "_value", "one"}
"""Calls that are given a key and answer the value in force."""
NUMBERING = {"number", "numbers"}
"""Calls that are given a kind of document and draw by the rule ``number.<kind>``."""


def texts(node: ast.AST, constants: dict[str, ast.expr]) -> Iterator[str]:
    """Texts that an argument is, itself, by the name of a constant, or as ``list(…)`` of a mapping's keys."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in constants:
        yield from texts(constants[node.id], {})
    elif isinstance(node, ast.Dict):
        yield from (text for key in node.keys if key for text in texts(key, {}))
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "list":
        yield from (text for inner in node.args for text in texts(inner, constants))


def reads(module: ast.Module) -> Iterator[str]:
    """Keys of the parameters whose values the code asks for; what only names a key (a default, a comparison) reads nothing."""
    constants = {
        name.id: statement.value for statement in module.body if isinstance(statement, ast.Assign)
        for name in statement.targets if isinstance(name, ast.Name)
    }  # fmt: skip
    for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if name in READING or (name == "in_" and ast.unparse(call.func).endswith(".key.in_")):
            yield from (text for node in given for text in texts(node, constants))
        elif name in NUMBERING:
            yield from (f"number.{text}" for node in given[:1] for text in texts(node, constants))


READ = {key for module in MODULES for key in reads(module)}


@over("key", definitions())
def test_a_parameter_is_read_or_waits_for_its_function(key: str) -> None:
    """Shown is what some code reads; what nothing reads says which function will, and is not shown."""
    waits = definitions()[key].waits
    assert (key in READ) is (not waits), (
        f"{key}: {'read, so it waits for nothing' if key in READ else 'nothing reads it'}"
    )
    assert (key in catalogue()) is (key in READ)
    assert not waits or re.fullmatch(r"[A-Z]-\d+", waits)


@pytest.mark.parametrize(("code", "read"), [
    ('value(uow, "tax.rate")', {"tax.rate"}), ('uow.one(Copy, key="tax.rate")', {"tax.rate"}), ('uow.number("bill", day)', {"number.bill"}),
    ('K = "bill"\nuow.numbers(K, day, 3)', {"number.bill"}), ('D = {"tax.rate": 1}\nfind(Copy, Copy.key.in_(list(D)))', {"tax.rate"}),
    ('D = {"tax.rate": 1}', set()), ('x == "tax.rate"', set()), ('log("tax.rate")', set()), ('uow.number(x, "tax.rate")', set()),
])  # fmt: skip
def test_what_counts_as_reading(code: str, read: set[str]) -> None:
    assert set(reads(ast.parse(code))) == read


def test_rules_of_numbers_ship_alike() -> None:
    """What a service draws by until the gateway has told it, is what the gateway tells."""
    shipped = {}
    for path in (ROOT / "services").glob("*/migrations/versions/*.py"):
        for call in (
            node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Dict)
        ):
            for kind, value in zip(call.keys, call.values, strict=True):
                if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Kind":
                    shipped[f"number.{ast.literal_eval(kind)}"] = {
                        "prefix": ast.literal_eval(value.args[1]),
                        "digits": 4,
                        "reset": "monthly",
                    }
    told = {key: definition.default for key, definition in catalogue().items() if definition.claims}
    assert shipped == told
    prefixes = [definition.default["prefix"] for definition in definitions().values() if definition.claims]
    assert len(set(prefixes)) == len(prefixes)
