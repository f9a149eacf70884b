"""Members that ask for a right of their own. ``x-shown-to: <right>`` on a member of an answer, say a cost: it is left out of every answer to
anybody else, and its column out of files; such a member is never ``required``, and no order or filter tells of it (``x-sorts`` leaves it out).
``x-set-by: <right>`` on a member of a request, say a discount: who lacks the right is refused when he sends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from chassis import contracts
from chassis.domain.errors import Forbidden

Schema = dict[str, Any]
May = Callable[[str], bool]
MARK = "x-shown-to"
SET_BY = contracts.SET_BY


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


def require_settable(schema: Schema, body: Any, may: May, path: str = "") -> None:
    """Raises Forbidden, naming the first member that asks for a right the caller has not."""
    if isinstance(body, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in body:
                field = f"{path}{name}"
                if SET_BY in inner and not may(inner[SET_BY]):
                    raise Forbidden(f"{inner[SET_BY]} is needed", field=field)
                require_settable(inner, body[name], may, f"{field}.")
    elif isinstance(body, list):
        for index, one in enumerate(body):
            require_settable(schema.get("items", {}), one, may, f"{path}{index}.")


def _allowed(schema: Schema, may: May) -> bool:
    return all(may(right) for right in _own(schema))


def _own(schema: Schema) -> tuple[str, ...]:
    return (schema[MARK],) if MARK in schema else ()


def _parts(schema: Schema) -> Iterator[Schema]:
    yield from schema.get("properties", {}).values()
    if "items" in schema:
        yield schema["items"]
