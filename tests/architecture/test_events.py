"""Every published event: one class, one schema with examples, released once and never changed; every consumed type exists."""

import hashlib
import json
import types
import typing
from dataclasses import MISSING, fields
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest

from chassis.domain.events import consumed, declared, parse_type
from tests.support.world import ROOT, services

CONTRACTS = ROOT / "contracts"
RELEASED = Path(__file__).with_name("released-schemas.sha256")
SCHEMAS = sorted(CONTRACTS.glob("*/events/*.json"))
services()
DECLARED = declared()
JSON_TYPES: dict[Any, set[str]] = {
    UUID: {"string"}, str: {"string"}, Decimal: {"string", "number"}, date: {"string"}, datetime: {"string"},
    int: {"integer"}, float: {"number"}, bool: {"boolean"},
}


def path_of(type_: str) -> Path:
    service, name = parse_type(type_)
    return CONTRACTS / service / "events" / f"{name}.json"


def schema_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("type_", sorted(DECLARED))
def test_class_and_schema_are_equal(type_: str):
    schema, cls = schema_of(path_of(type_)), DECLARED[type_]
    hints = typing.get_type_hints(cls)
    names = {field.name for field in fields(cls)}
    assert names == set(schema["properties"]), f"{cls.__qualname__} and its schema name other members"
    assert schema["additionalProperties"] is False
    optional = {field.name for field in fields(cls) if field.default is not MISSING or field.default_factory is not MISSING}
    assert names - optional <= set(schema["required"])
    for name in names:
        assert_fits(hints[name], schema["properties"][name], schema, f"{type_}.{name}")


def assert_fits(hint: Any, schema: dict[str, Any], whole: dict[str, Any], where: str) -> None:
    """The Python type's null and plain JSON types are those of the schema (lists and objects: that they are such)."""
    if hint is Any:
        return
    schema = resolved(schema, whole)
    accepted = kinds(schema, whole)
    arms = typing.get_args(hint) if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union else (hint,)
    assert (type(None) in arms) == ("null" in accepted), f"{where}: null in one of class and schema only"
    for arm in arms:
        origin = typing.get_origin(arm) or arm
        if arm in JSON_TYPES:
            assert JSON_TYPES[arm] & accepted, f"{where}: {arm} against {accepted}"
        elif origin in (list, tuple):
            assert "array" in accepted, where
        elif isinstance(origin, type) and issubclass(origin, dict):
            assert "object" in accepted, where


def resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        node: Any = whole
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        return {**node, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def kinds(schema: dict[str, Any], whole: dict[str, Any]) -> set[str]:
    schema = resolved(schema, whole)
    if "type" in schema:
        return {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    found: set[str] = set()
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found |= kinds(option, whole)
    for value in schema.get("enum", [schema["const"]] if "const" in schema else []):
        found.add({type(None): "null", str: "string", bool: "boolean", int: "integer", float: "number"}[type(value)])
    return found or {"null", "string", "boolean", "integer", "number", "array", "object"}


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: f"{path.parent.parent.name}:{path.stem}")
def test_schema_has_a_class_and_valid_examples(path: Path):
    schema = schema_of(path)
    type_ = f"aftersales.{path.parent.parent.name}.{path.stem}"
    assert schema["title"] == type_ and schema["description"]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert type_ in DECLARED, f"nobody publishes {type_}"
    assert schema["examples"], f"{type_} has no example"
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    for example in schema["examples"]:
        assert [error.message for error in validator.iter_errors(example)] == []
        for required in schema["required"]:
            assert not validator.is_valid({key: value for key, value in example.items() if key != required})


@pytest.mark.parametrize("service", services(), ids=lambda service: service.name)
def test_consumed_types_exist(service: Any):
    for type_ in consumed(service.package):
        assert path_of(type_).exists(), f"{service.name} listens to {type_}, which no contract has"
        assert parse_type(type_)[0] != service.name, f"{service.name} listens to itself"


def test_released_schemas_are_unchanged():
    """A released schema never changes: a new shape is the next version. `python -m tests.architecture.release` adds new ones."""
    released = dict(reversed(line.split("  ", 1)) for line in RELEASED.read_text(encoding="utf-8").splitlines())
    for name, digest in released.items():
        path = ROOT / name
        assert path.exists(), f"{name} was released and is gone"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, f"{name} was released: write the next version instead"
    new = [str(path.relative_to(ROOT)) for path in SCHEMAS if str(path.relative_to(ROOT)) not in released]
    assert not new, f"new, so list them (python -m tests.architecture.release): {new}"
