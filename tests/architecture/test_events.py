"""Every published state: one declaration, one schema with examples; changed only so that readers of the release before keep
working; every consumed type and member exists."""

import ast
import copy
import json
from typing import Any

import jsonschema_rs
import pytest

from chassis.domain.events import ANY_VERB, Published, declared, handlers, parse_type
from chassis.events import schemas
from tests.architecture.release import RELEASED, breaks, current
from tests.support.cells import over
from tests.support.world import ROOT, services, sources

services()
STATES = sorted(state for state in schemas.states() if state.split(".")[1] in {service.name for service in services()})
DECLARED = {state: found for state, found in declared().items() if state in STATES}
HANDLERS = [(service, handler) for service in services() for handler in handlers(service.package)]


def verbs_in_code() -> set[tuple[str, str]]:
    """(file's package, verb) of every ``record("verb")``."""
    found = set()
    for path in sources("services", "gateway"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record":
                if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                    found.add((str(path.parent.relative_to(ROOT)), node.args[0].value))
    return found


def test_every_state_is_declared_and_has_a_schema():
    assert set(STATES) == set(DECLARED)


@over("state", STATES)
def test_declaration_and_schema_are_equal(state: str):
    schema, published = schemas.schema(state), DECLARED[state]
    assert isinstance(published, Published)
    of_verbs = {name for name, about in schema["properties"].items() if "x-verbs" in about}
    assert set(published.members) == set(schema["properties"]) - of_verbs
    assert schema["title"] == state and schema["description"] and schema["additionalProperties"] is False
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for name in of_verbs:
        assert set(schema["properties"][name]["x-verbs"]) <= set(schema["x-verbs"])
    for verb, about in schema["x-verbs"].items():
        assert about["description"] and 0 <= about["example"] < len(schema["examples"]), verb


@over("state", STATES)
def test_examples_are_valid_and_nothing_required_may_be_missing(state: str):
    schema = schemas.schema(state)
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    for example in schema["examples"]:
        assert [error.message for error in validator.iter_errors(example)] == []
        for required in schema["required"]:
            assert not validator.is_valid({key: value for key, value in example.items() if key != required})


def test_every_verb_is_said_somewhere_and_every_word_is_a_verb():
    """``created`` and ``changed`` go out by themselves."""
    said = verbs_in_code()
    for state in STATES:
        kind = state.split(".")
        package = kind[1] if kind[1] == "gateway" else f"services/{kind[1]}"
        here = {verb for folder, verb in said if folder.startswith(f"{package}/")}
        assert set(schemas.verbs(state)) <= here | {"created", "changed"}, state
    known = {verb for state in STATES for verb in schemas.verbs(state)}
    assert {verb for _, verb in said} <= known


@over("service, handler", HANDLERS, lambda cell: f"{cell[0].name} {cell[1].function.__name__}")
def test_what_a_consumer_reads_exists(service: Any, handler: Any):
    for type_ in handler.types:
        kind = parse_type(type_)
        assert kind.service != service.name, f"{service.name} listens to itself"
        assert kind.verb == ANY_VERB or kind.verb in schemas.verbs(kind.state), type_
        assert set(handler.reads) <= set(schemas.schema(kind.state)["properties"]), type_


def test_readers_of_the_released_schemas_keep_working():
    """`python -m tests.architecture.release` writes the released state down anew: once per release."""
    released = json.loads(RELEASED.read_text(encoding="utf-8"))
    now = current()
    broken = [f"{state}: gone" for state in released if state not in now]
    broken += [f"{state} {what}" for state, old in released.items() if state in now for what in breaks(old, now[state])]
    assert not broken, "write the next version beside it (v2) instead"


SCHEMA: dict[str, Any] = {
    "x-verbs": ["created", "changed"],
    "type": "object",
    "properties": {
        "state": {"enum": ["open"], "x-open": True},
        "quality": {"enum": ["good", "bad"]},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}},
    },
    "required": ["state", "lines"],
}


def changed(**paths: Any) -> dict[str, Any]:
    found = copy.deepcopy(SCHEMA)
    for path, value in paths.items():
        node: Any = found
        *steps, last = path.split("__")
        for step in steps:
            node = node[step]
        if value is None:
            del node[last]
        else:
            node[last] = value
    return found


@pytest.mark.parametrize(
    "added",
    [
        {"properties__comment": {"type": "string"}},
        {"x-verbs": ["created", "changed", "closed"]},
        {"properties__state__enum": ["open", "closed"]},
        {"properties__lines__items__properties__bin": {"type": "string"}},
    ],
    ids=["member", "verb", "value", "inner member"],
)
def test_what_may_be_added(added: dict[str, Any]):
    assert list(breaks(SCHEMA, changed(**added))) == []


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"properties__quality": None}, "quality: gone"),
        ({"x-verbs": ["created"]}, "no more verb changed"),
        ({"properties__state__enum": ["closed"]}, "state: no more"),
        ({"properties__state__x-open": None}, "another set of values"),
        ({"properties__quality__enum": ["good", "bad", "to_check"]}, "not open"),
        ({"properties__lines__items__properties__id__type": "integer"}, r"lines\[\].id: another type"),
        ({"required": ["state"]}, "lines: not always there"),
        ({"properties__comment": {"type": "string"}, "required": ["state", "lines", "comment"]}, "cannot be required"),
        ({"properties__lines__maxItems": 3}, "another maxItems"),
    ],
)
def test_what_breaks_a_reader(other: dict[str, Any], told: str):
    import re

    found = list(breaks(SCHEMA, changed(**other)))
    assert len(found) == 1 and re.search(told, found[0]), found
