"""Reads the OpenAPI contracts once: YAML with references between files made one document per bounded context."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import orjson
import yaml

from chassis.service import ROOT

CONTRACTS = ROOT / "contracts"
SET_BY = "x-set-by"
"""Of a member of a request: the right that its sender must have (chassis/http/restricted.py)."""
METHODS = ("get", "post", "put", "patch", "delete")
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def read(path: Path) -> Any:
    """One YAML or JSON file, parsed."""
    if path.suffix == ".json":
        return orjson.loads(path.read_bytes())
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)


@cache
def resolved(path: Path) -> dict[str, Any]:
    """A file with every $ref resolved in place, sets of values with their ``enum``."""
    found: dict[str, Any] = _resolve(read(path), path)
    return found


def _pointer(document: Any, pointer: str) -> Any:
    for part in pointer.strip("/").split("/"):
        if part:
            document = document[part.replace("~1", "/").replace("~0", "~")]
    return document


_resolved: dict[tuple[Path, str], Any] = {}
"""What references stand for; shared by all who refer to it, so nobody may change it."""


def _resolve(node: Any, base: Path, trail: tuple[tuple[Path, str], ...] = ()) -> Any:
    if isinstance(node, dict):
        ref = node.get("$ref")
        if isinstance(ref, str):
            file, _, pointer = ref.partition("#")
            target = _beside(base, file) if file else base
            key = (target, pointer)
            if key in trail:
                raise ValueError(f"circular reference {ref} in {base.name}")
            if key not in _resolved:
                _resolved[key] = _resolve(_pointer(read(target), pointer), target, (*trail, key))
            found = _resolved[key]
            rest = {k: _resolve(v, base, trail) for k, v in node.items() if k != "$ref"}
            return {**found, **rest} if rest else found
        return _expanded({k: _resolve(v, base, trail) for k, v in node.items()})
    if isinstance(node, list):
        return [_resolve(v, base, trail) for v in node]
    return node


VALUES = "x-values"
"""Values of a set, one line each: ``{value: {zh, en, …}}``. The schema's ``enum`` follows from it, its words in the console, and what
else a line says is read by who uses the set: one more value is one more line."""


_MEMBER = re.compile(r"(?<!^)(?=[A-Z])")


def _expanded(schema: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(lines := schema.get(VALUES), dict):
        return schema
    return {**schema, "enum": [*lines, None] if "null" in schema.get("type", ()) else list(lines)}


@cache
def values(service: str, context: str, name: str) -> dict[str, dict[str, Any]]:
    """The lines of a schema's set: ``values("inventory", "stock", "Kind")["issue"]["sign"]``."""
    found: dict[str, dict[str, Any]] = load(service, context)["components"]["schemas"][name][VALUES]
    return found


@cache
def words_of_values(language: str) -> dict[str, str]:
    """What values of such sets are called, by member and value: the schema ``Kind`` is what members ``kind`` have."""
    sets = [item for service in services() for context in contexts(service) for item in _schemas(service, context)]
    sets += [item for path in sorted((CONTRACTS / "common").glob("*.yaml")) for item in read(path).items()]
    named = ((name, schema[VALUES]) for name, schema in sets if isinstance(schema, dict) and VALUES in schema)
    return {f"{_MEMBER.sub('_', name).lower()}.{value}": line[language] for name, lines in named for value, line in lines.items()}


def _schemas(service: str, context: str) -> Iterable[tuple[str, Any]]:
    found: dict[str, Any] = load(service, context).get("components", {}).get("schemas", {})
    return found.items()


def common_values(file: str, name: str) -> dict[str, dict[str, Any]]:
    """The lines of a set in ``contracts/common``."""
    found: dict[str, dict[str, Any]] = read(CONTRACTS / "common" / f"{file}.yaml")[name][VALUES]
    return found


@cache
def _beside(base: Path, file: str) -> Path:
    return (base.parent / file).resolve()


@cache
def load(service: str, context: str) -> dict[str, Any]:
    """The contract of one context with every $ref resolved in place."""
    path = CONTRACTS / service / "openapi" / f"{context}.yaml"
    document = resolved(path)
    return document


def contexts(service: str) -> list[str]:
    """Names of the contexts a service has contracts for."""
    return sorted(p.stem for p in (CONTRACTS / service / "openapi").glob("*.yaml"))


_DECIMALS = re.compile(r"\\\.(?:\\d|\[0-9\])\{(?:\d,)?(\d)\}")


def decimals(schema: dict[str, Any]) -> int | None:
    """How many decimals the pattern of an amount written as text asks for; None where it is no amount. Two are money."""
    found = _DECIMALS.search(schema.get("pattern", ""))
    return int(found[1]) if found else None


def services() -> list[str]:
    return sorted(p.name for p in CONTRACTS.iterdir() if (p / "openapi").is_dir())


@dataclass(frozen=True)
class Operation:
    """One operation of a contract. ``path`` begins with the server's base path (/api/v1)."""

    service: str
    context: str
    method: str
    path: str
    spec: dict[str, Any]

    @property
    def operation_id(self) -> str:
        return str(self.spec["operationId"])

    @property
    def permission(self) -> str | None:
        """The right it needs; ``public`` needs no token, ``authenticated`` any valid one."""
        return self.spec.get("x-permission")

    @property
    def shows_more(self) -> str | None:
        """The right with which its answer says more (C-04: numbers in full); without it the operation is done all the same."""
        return self.spec.get("x-shows-more")

    @cached_property
    def set_by(self) -> frozenset[str]:
        """The rights that members of its request ask for."""
        content = self.spec.get("requestBody", {}).get("content", {}).get("application/json", {})
        return frozenset(_set_by(content.get("schema", {})))

    @property
    def rights(self) -> frozenset[str]:
        """Every right it asks for; neither ``public`` nor ``authenticated`` is one."""
        return frozenset(right for right in (self.permission, self.shows_more, *self.set_by) if right and "." in right)

    @property
    def outside(self) -> bool:
        """Outside accounts may call it (G-10)."""
        return self.spec.get("x-outside") is True

    @property
    def answers_json(self) -> bool:
        return not self.spec.get("x-download") and "application/json" in self.spec["responses"][str(self.success)]["content"]

    @property
    def success(self) -> int:
        return min(int(status) for status in self.spec["responses"] if str(status).startswith("2"))


def _set_by(schema: dict[str, Any]) -> Iterator[str]:
    if SET_BY in schema:
        yield schema[SET_BY]
    for inner in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else ())):
        yield from _set_by(inner)


@cache
def operations(service: str) -> tuple[Operation, ...]:
    found = []
    for context in contexts(service):
        document = load(service, context)
        base = document["servers"][0]["url"].rstrip("/")
        for path, item in document["paths"].items():
            shared = item.get("parameters", [])
            for method in METHODS:
                if method in item:
                    spec = {**item[method], "parameters": [*shared, *item[method].get("parameters", [])]}
                    if method != "get" and spec.get("x-idempotent") is not False:
                        spec["parameters"].append(_dry_run())
                    if "x-sorts" in spec:
                        spec["parameters"] += _ranges(spec)
                    found.append(Operation(service, context, method, base + path, spec))
    return tuple(found)


def reader_of(operation: Operation) -> Operation | None:
    """The operation that reads what another one makes or changes: of what is created in a collection its item, else the
    innermost document on the way to it. None where no such document is answered as JSON."""
    gets = {o.path: o for o in operations(operation.service) if o.method == "get" and o.answers_json}
    made = re.compile(re.escape(operation.path) + r"/\{\w+\}")
    parts = operation.path.split("/")
    way = ("/".join(parts[:end]) for end in range(len(parts), 0, -1) if parts[end - 1].startswith("{"))
    item = next((one for path, one in gets.items() if made.fullmatch(path)), None)
    return item or next((gets[path] for path in way if path in gets), None)


def _ranges(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """What a list can be sorted by and has a size (a day, a time, an amount, a quantity) can be asked for from there and up to here
    as well, both included; so no contract has to say it (chassis/db/paging.py)."""
    items = spec["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["items"]["items"]
    found = []
    for name in spec["x-sorts"]:
        member = items["properties"].get(name, {})
        if (schema := _measure(member)) is not None:
            for end, said in (("from", "From here on (起)"), ("to", "Up to here, included (止)")):
                found.append({"name": f"{name}_{end}", "in": "query", "description": said, "schema": schema, "x-range-of": name})
    return found


def _measure(member: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of one end of a range over such members; None where they have no size. What a document tells of has happened, unless
    the member's ``x-when`` says that it may still be to come."""
    types = member.get("type", ())
    types = [types] if isinstance(types, str) else types
    if member.get("format") in ("date", "date-time"):
        return {"type": "string", "format": member["format"], "x-when": member.get("x-when", "past")}
    if decimals(member) is not None:
        return {"type": "string", "pattern": r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$", "maxLength": 24, "x-amount": True}
    return {"type": "number", "minimum": -(10**9), "maximum": 10**9} if "number" in types else None


@cache
def _dry_run() -> dict[str, Any]:
    """Every write can be rehearsed, so no contract has to say it (chassis/http/dry_run.py)."""
    header: dict[str, Any] = read(ROOT / "contracts" / "common" / "parameters.yaml")["dry_run"]
    return header


@cache
def errors() -> dict[str, dict[str, Any]]:
    """Catalogue of error codes: status, kind and titles."""
    catalogue: dict[str, dict[str, Any]] = read(CONTRACTS / "common" / "errors.yaml")
    return catalogue


@cache
def details() -> dict[str, str]:
    """Chinese for what refusals add to their titles (contracts/common/details.yaml), by the English."""
    found: dict[str, str] = read(CONTRACTS / "common" / "details.yaml")
    return found
