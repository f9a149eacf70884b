"""JSON Schema to Hypothesis: values that fit, values that nearly fit, and values nobody should send. What fits is judged by a
validator other than the suite's own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from copy import deepcopy
from datetime import date, datetime
from functools import cache
from typing import Any

import jsonschema
from hypothesis import strategies as st

Schema = dict[str, Any]
Pool = Callable[[str], list[Any]]
"""Values for a member of this name that mean something in the suite at hand: ids of documents, codes."""

HOSTILE = [
    "", " ", "\t", "\0", "\x1b[2J", "a\0b", "\x7f", "\x85", "\u202eabc", "\ufeff", "\ud800", "😀" * 50, "ﷺ" * 100, "é", "é",
    "'; DROP TABLE users; --", "%' OR '1'='1", "%s%n{0}{{7*7}}${7*7}", "${jndi:ldap://127.0.0.1/x}", "=cmd|' /C calc'!A0", "@SUM(1)",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "../../../../etc/passwd", "..\\..\\boot.ini", "/HQ/", "/",
    "a\r\nSet-Cookie: x=y", "null", "undefined", "NaN", "-0", "1e999", "0x10", "１２３", "true", "[]", "{}", "A" * 5000, "%", "%00", "\\",
    "file:///etc/passwd", "http://127.0.0.1:1/", "0000-00-00", "9999-12-31T23:59:60Z", "2026-02-30", "00000000-0000-0000-0000-000000000000",
    "0000-01-01", "0001-01-01", "9999-12-31", "20260101", "2026-W01-1", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+23:59",
]  # fmt: skip
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, -1e308, 10**18, 2**63, -(2**63) - 1, 10**40, [], {}, [[]], [None], {"": None},
    {"$ref": "#"}, {"__proto__": {"x": 1}}, *HOSTILE,
]  # fmt: skip


def fits(schema: Schema, value: Any) -> bool:
    """By the contract, and by the rule that no text holds control characters (tab and line breaks apart)."""
    return bool(_validator(_Key(schema)).is_valid(value)) and not _has_control(value)


class _Key:
    """A schema as the key of a cache: the same object is the same schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.schema is self.schema


@cache
def _validator(key: _Key) -> Any:
    checker = jsonschema.FormatChecker(["date", "uuid"])
    checker.checks("date-time", ValueError)(_is_moment)
    return jsonschema.Draft202012Validator(_plain(key.schema), format_checker=checker)


def _is_moment(value: Any) -> bool:
    """RFC 3339 read by other means than the suite's: a zone is told, and no second is a sixtieth."""
    if isinstance(value, str):
        whole = re.sub(r"\.\d+", "", value.upper().replace(" ", "T"))
        datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S%z")
    return True


def _plain(node: Any) -> Any:
    """Patterns in the words of Python's re; multiples judged with a tolerance of their own below."""
    if isinstance(node, dict):
        return {key: _pattern(value) if key == "pattern" and isinstance(value, str) else _plain(value)
                for key, value in node.items() if key != "multipleOf"}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _pattern(pattern: str) -> str:
    return pattern.replace(r"\p{Cc}", r"\x00-\x1f\x7f-\x9f")


def _has_control(value: Any) -> bool:
    if isinstance(value, str):
        return re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", value) is not None
    if isinstance(value, dict):
        return any(_has_control(name) or _has_control(item) for name, item in value.items())
    return isinstance(value, list) and any(_has_control(item) for item in value)


def good(schema: Schema, pool: Pool, name: str = "") -> st.SearchStrategy[Any]:
    """Mostly values that fit; ``fits`` has the last word."""
    known = pool(name)
    if known:
        return st.one_of(st.sampled_from(known), st.sampled_from(known), _good(schema, pool, name))
    return _good(schema, pool, name)


def _good(schema: Schema, pool: Pool, name: str) -> st.SearchStrategy[Any]:
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return st.one_of([good({**schema, **option, word: None} if False else option, pool, name) for option in schema[word]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema.get("type", ["string", "number", "boolean", "null"])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return st.one_of([_of_kind(kind, schema, pool, name) for kind in kinds])


def _of_kind(kind: str, schema: Schema, pool: Pool, name: str) -> st.SearchStrategy[Any]:
    if kind == "object":
        return _objects(schema, pool)
    if kind == "array":
        most = min(schema.get("maxItems", 4), 4)
        return st.lists(good(schema.get("items", {}), pool, name), min_size=min(schema.get("minItems", 0), most), max_size=most)
    if kind == "string":
        return _strings(schema)
    if kind == "integer":
        return st.integers(schema.get("minimum", -(10**6)), schema.get("maximum", 10**6))
    if kind == "number":
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1000))
        high = schema.get("maximum", schema.get("exclusiveMaximum", 10**6))
        return st.integers(math.ceil(low * 1000), math.floor(high * 1000)).map(lambda n: n / 1000)
    return st.booleans() if kind == "boolean" else st.none()


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    form = schema.get("format")
    if form == "uuid":
        return st.uuids().map(str)
    if form == "date":
        return st.one_of(st.dates(date(1800, 1, 1), date(2200, 1, 1)), st.dates()).map(str)
    if form == "date-time":
        near = st.datetimes().map(lambda at: at.replace(year=2000 + at.year % 100))
        zones = st.sampled_from(["Z", "Z", "+08:00", "+14:00", "-12:00", "+23:59", "-23:59"])
        return st.tuples(st.one_of(near, st.datetimes()), zones).map(lambda told: told[0].isoformat(timespec="seconds") + told[1])
    low, high = schema.get("minLength", 0), min(schema.get("maxLength", 200), 200)
    if "pattern" in schema and schema["pattern"] != r"\S":
        return st.from_regex(_pattern(schema["pattern"]), fullmatch=True).filter(lambda s: low <= len(s) <= schema.get("maxLength", 10**6))
    letters = st.characters(exclude_categories=["Cs", "Cc"])
    return st.text(letters, min_size=max(low, 1 if "pattern" in schema else 0), max_size=high)


def _objects(schema: Schema, pool: Pool) -> st.SearchStrategy[dict[str, Any]]:
    members = schema.get("properties", {})
    required = {name: good(members.get(name, {}), pool, name) for name in schema.get("required", ())}
    optional = {name: good(inner, pool, name) for name, inner in members.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


@st.composite
def spoiled(draw: st.DrawFn, schema: Schema, pool: Pool) -> Any:
    """A good value with one to three things done to it, anywhere inside."""
    value = deepcopy(draw(good(schema, pool)))
    for _ in range(draw(st.integers(1, 3))):
        value = _spoil(draw, value)
    return value


def _spoil(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and draw(st.integers(0, 9)):
        name = draw(st.sampled_from([*value, "unknown_member", "id", "version", "org_path", "created_by", "state"]))
        what = draw(st.sampled_from(["odd", "deeper", "drop"]))
        if what == "drop":
            return {key: item for key, item in value.items() if key != name}
        return {**value, name: draw(st.sampled_from(ODD)) if what == "odd" else _spoil(draw, value.get(name))}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], _spoil(draw, value[index]), *value[index:]]
    return draw(st.sampled_from(ODD))
