"""Members of an answer that only some may see: ``x-shown-to: <right>`` on the member's schema in the contract, say of a cost. They are
left out of every answer to anybody else, and their columns out of files; such a member is never ``required``, and no order or filter
tells of it (``x-sorts`` leaves it out)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]
May = Callable[[str], bool]
MARK = "x-shown-to"


def rights_of(schema: Schema) -> frozenset[str]:
    """The rights that members of such an answer ask for."""
    return frozenset(found for part in _parts(schema) for found in (*_own(part), *rights_of(part)))


def without(schema: Schema, may: May) -> Schema:
    """The schema of what somebody with these rights gets."""
    if "properties" in schema:
        kept = {name: without(inner, may) for name, inner in schema["properties"].items() if _allowed(inner, may)}
        return {**schema, "properties": kept}
    if "items" in schema:
        return {**schema, "items": without(schema["items"], may)}
    return schema


def shown(schema: Schema, value: Any, may: May) -> Any:
    """The value without the members that are not for him."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {
            name: shown(properties.get(name, {}), inner, may) for name, inner in value.items() if _allowed(properties.get(name, {}), may)
        }
    if isinstance(value, list):
        return [shown(schema.get("items", {}), one, may) for one in value]
    return value


def _allowed(schema: Schema, may: May) -> bool:
    return all(may(right) for right in _own(schema))


def _own(schema: Schema) -> tuple[str, ...]:
    return (schema[MARK],) if MARK in schema else ()


def _parts(schema: Schema) -> Iterator[Schema]:
    yield from schema.get("properties", {}).values()
    if "items" in schema:
        yield schema["items"]
