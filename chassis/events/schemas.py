"""Event schemas of the contracts: one per aggregate, shared by its verbs. Loaded when first used.

Going out, an event fits its schema to the letter. Coming in, its reader is given the members that it declared and only those
are checked: members and verbs that a newer release added pass, and so do values added to an open set (``x-open``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from chassis import contracts
from chassis.domain.events import WHOLE, parse_type, type_of

ENVELOPE = contracts.CONTRACTS / "common" / "event-envelope.json"
_roots: list[Path] = [contracts.CONTRACTS]


class SchemaViolation(Exception):
    """An envelope or its data does not fit the contract. ``problems`` name places and rules, never values."""

    def __init__(self, what: str, problems: list[str]) -> None:
        super().__init__(f"{what}: {'; '.join(problems)}")
        self.problems = problems


def add_root(folder: Path) -> None:
    """Also look for contracts in this folder (tests and extensions bring their own)."""
    if folder not in _roots:
        _roots.append(folder)
        for cached in (schema, _outgoing, _incoming):
            cached.cache_clear()


def states() -> Iterator[str]:
    """The type of every aggregate's state (`aftersales.orders.site.v1`), sorted within each root."""
    for root in _roots:
        for path in sorted(root.glob("*/events/*.v*.json")):
            yield f"aftersales.{path.parent.parent.name}.{path.stem}"


def types() -> Iterator[str]:
    """Every event type that the contracts know: those of all verbs of all states."""
    for state in states():
        yield from (type_of(state, verb) for verb in verbs(state))


@cache
def schema(state: str) -> dict[str, Any]:
    """The schema of a state; SchemaViolation when no contract has it."""
    _, service, name = state.split(".", 2)
    for root in _roots:
        path = root / service / "events" / f"{name}.json"
        if path.is_file():
            return contracts.resolved(path)
    raise SchemaViolation(state, ["no schema in the contracts"])


def verbs(state: str) -> dict[str, str]:
    """What may be said of an aggregate, with its description."""
    return {verb: about["description"] for verb, about in schema(state)["x-verbs"].items()}


def example(type_: str) -> dict[str, Any]:
    """The data of an event of the type, as the contract shows them."""
    found = schema(parse_type(type_).state)
    data: dict[str, Any] = found["examples"][found["x-verbs"][parse_type(type_).verb]["example"]]
    return data


def description(type_: str) -> str:
    kind = parse_type(type_)
    return verbs(kind.state)[kind.verb]


def envelope() -> dict[str, Any]:
    """The schema of the envelope."""
    return contracts.resolved(ENVELOPE)


def check_envelope(envelope: object) -> None:
    """Raises SchemaViolation unless it is a CloudEvents envelope of ours; ``data`` is not looked into."""
    _check(_envelope_validator(), "envelope", envelope)


def check_outgoing(type_: str, data: Mapping[str, Any]) -> None:
    """Raises SchemaViolation when the contract has no such verb or the data does not fit its schema."""
    kind = parse_type(type_)
    if kind.verb not in verbs(kind.state):
        raise SchemaViolation(type_, ["no such verb in the contracts"])
    _check(_outgoing(kind.state), type_, data)


def read(type_: str, data: Mapping[str, Any], members: tuple[str, ...]) -> Mapping[str, Any]:
    """Of the data, what a reader of these members is given. Raises SchemaViolation when the state is unknown or the members do
    not fit it."""
    _check(_incoming(parse_type(type_).state, members), type_, data)
    return data if members == WHOLE else {name: data[name] for name in members if name in data}


@cache
def _outgoing(state: str) -> jsonschema_rs.Validator:
    return _compile(schema(state))


@cache
def _incoming(state: str, members: tuple[str, ...]) -> jsonschema_rs.Validator:
    found = schema(state)
    names = members or tuple(found["properties"])
    if unknown := set(names) - set(found["properties"]):
        raise LookupError(f"{state} has no {', '.join(sorted(unknown))}")
    read = {name: found["properties"][name] for name in names}
    return _compile(_opened({**found, "properties": read, "required": [n for n in found["required"] if n in read]}))


def _opened(schema: Any) -> Any:
    """The schema for whoever reads what a newer release may have written."""
    if isinstance(schema, list):
        return [_opened(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties"} | ({"enum"} if schema.get("x-open") else set())
    opened = {key: _opened(value) for key, value in schema.items() if key not in closed}
    if schema.get("x-open"):
        opened["type"] = ["string", "null"] if None in schema["enum"] else "string"
    return opened


@cache
def _envelope_validator() -> jsonschema_rs.Validator:
    return _compile(envelope())


def _compile(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        {key: value for key, value in schema.items() if key != "examples"},
        validate_formats=True,
        mask="value",  # messages end in logs and inbox rows: no personal data
    )


def _check(validator: jsonschema_rs.Validator, what: str, instance: object) -> None:
    if not validator.is_valid(instance):
        problems = [
            f"{'.'.join(map(str, error.instance_path)) or '(whole)'}: {error.message}"
            for error in validator.iter_errors(instance)
        ]
        raise SchemaViolation(what, problems)
