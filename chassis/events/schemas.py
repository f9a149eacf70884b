"""Event schemas of the contracts, loaded when first used and checked on the way out and on the way in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema_rs
import orjson

from chassis.domain.events import parse_type
from chassis.service import ROOT

ENVELOPE = ROOT / "contracts" / "common" / "event-envelope.json"
_roots: list[Path] = [ROOT / "contracts"]


class SchemaViolation(Exception):
    """An envelope or its data does not fit the contract. ``problems`` name places and rules, never values."""

    def __init__(self, what: str, problems: list[str]) -> None:
        super().__init__(f"{what}: {'; '.join(problems)}")
        self.problems = problems


def add_root(folder: Path) -> None:
    """Also look for contracts in this folder (tests and extensions bring their own)."""
    if folder not in _roots:
        _roots.append(folder)
        schema.cache_clear()
        _validator.cache_clear()


def types() -> Iterator[str]:
    """Every event type that has a schema, sorted within each root."""
    for root in _roots:
        for path in sorted(root.glob("*/events/*.v*.json")):
            yield f"aftersales.{path.parent.parent.name}.{path.stem}"


def check_envelope(envelope: object) -> None:
    """Raises SchemaViolation unless it is a CloudEvents envelope of ours; ``data`` is not looked into."""
    _check(_envelope_validator(), "envelope", envelope)


def check_data(type_: str, data: Mapping[str, Any]) -> None:
    """Raises SchemaViolation when the type is unknown or the data does not fit its schema."""
    _check(_validator(type_), type_, data)


def envelope() -> dict[str, Any]:
    """The schema of the envelope."""
    return _read(ENVELOPE)


@cache
def schema(type_: str) -> dict[str, Any]:
    """The schema of a type's data; SchemaViolation when no contract has it."""
    return _read(_path(type_))


@cache
def _validator(type_: str) -> jsonschema_rs.Validator:
    return _compile(_path(type_))


@cache
def _envelope_validator() -> jsonschema_rs.Validator:
    return _compile(ENVELOPE)


def _path(type_: str) -> Path:
    service, name = parse_type(type_)
    for root in _roots:
        path = root / service / "events" / f"{name}.json"
        if path.is_file():
            return path
    raise SchemaViolation(type_, ["no schema in the contracts"])


def _compile(path: Path) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        _read(path),
        validate_formats=True,
        base_uri=path.resolve().as_uri(),
        retriever=lambda uri: _read(Path(unquote(urlsplit(uri).path))),
        mask="value",  # messages end in logs and inbox rows: no personal data
    )


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(path.read_bytes())
    return document


def _check(validator: jsonschema_rs.Validator, what: str, instance: object) -> None:
    if not validator.is_valid(instance):
        problems = [
            f"{'.'.join(map(str, error.instance_path)) or '(whole)'}: {error.message}"
            for error in validator.iter_errors(instance)
        ]
        raise SchemaViolation(what, problems)
