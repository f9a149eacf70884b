"""What an outside account (G-10) is shown of an answer: the members that the contract names, nothing by default.

An operation it may call carries ``x-outside: true``; every object of that operation's answer carries ``x-outside: [members]``.
The rest is left out, also where ``required`` names it for staff: costs, what others pay, notes and names of staff.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
PAGING = ("limit", "cursor", "sort", "total", "format")


def answer_of(spec: Schema) -> Schema:
    """Schema of what an operation answers when it succeeds; empty where that is no JSON."""
    answer = next(v for k, v in spec["responses"].items() if str(k).startswith("2"))
    schema: Schema = answer["content"].get("application/json", {}).get("schema", {})
    return schema


def visible(schema: Schema) -> Schema:
    """The schema of what an outside account gets: closed, without what is not named."""
    if "properties" in schema:
        named = schema.get("x-outside", ())
        properties = {name: visible(inner) for name, inner in schema["properties"].items() if name in named}
        required = [name for name in schema.get("required", ()) if name in named]
        return {**schema, "properties": properties, "required": required, "additionalProperties": False}
    if "items" in schema:
        return {**schema, "items": visible(schema["items"])}
    return {**schema, **{word: [visible(one) for one in schema[word]] for word in ("oneOf", "anyOf") if word in schema}}


def shown(schema: Schema, value: Any) -> Any:
    """The value without what the narrowed schema does not know. What has no schema of its own is not shown."""
    if isinstance(value, dict):
        properties = _object(schema).get("properties", {})
        return {name: shown(properties[name], inner) for name, inner in value.items() if name in properties}
    if isinstance(value, list | tuple):
        items = schema.get("items", {})
        return [shown(items, one) for one in value]
    return value


def _object(schema: Schema) -> Schema:
    """The schema itself, or the one object among alternatives (a document or null)."""
    options = (*schema.get("oneOf", ()), *schema.get("anyOf", ()))
    return next((one for one in options if "properties" in one), schema)


def asks_of(parameter: Schema) -> str:
    """The member of the items that a filter is about: the ends of a range are about its column."""
    return str(parameter.get("x-range-of", parameter["name"]))


def visible_operation(spec: Schema) -> Schema:
    """A whole operation as an outside account knows it: its answer narrowed, no filter by what is hidden, no member of the
    request that is its party's in any case (``x-outside: false``)."""
    answer = visible(answer_of(spec))
    found = {**spec}
    if answer:
        success = next(code for code in spec["responses"] if str(code).startswith("2"))
        found["responses"] = {**spec["responses"], success: _with(spec["responses"][success], answer)}
    items = answer.get("properties", {}).get("items", {}).get("items", {})
    if items:
        known = {*items.get("properties", {}), *PAGING, "q"}
        found["parameters"] = [p for p in spec.get("parameters", ()) if p["in"] != "query" or asks_of(p) in known]
        found["x-sorts"] = [key for key in spec.get("x-sorts", ()) if key in known]
    if body := spec.get("requestBody", {}).get("content", {}).get("application/json"):
        properties = {name: one for name, one in body["schema"]["properties"].items() if one.get("x-outside") is not False}
        found["requestBody"] = _with(spec["requestBody"], {**body["schema"], "properties": properties})
    return found


def _with(node: Schema, schema: Schema) -> Schema:
    return {**node, "content": {**node["content"], "application/json": {"schema": schema}}}
