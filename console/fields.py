"""Fields of documents and forms: what a member of a schema is to a page, whatever the noun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis import contracts
from chassis.domain.moments import When


@dataclass(frozen=True)
class Reference:
    """What a field points at: a resource and the member of its documents that the field holds."""

    resource: str
    member: str = "id"


@dataclass(frozen=True)
class Field:
    """One member of a request or answer. ``kind``: text, longtext, integer, number, decimal, money, boolean, enum, date, datetime,
    phone, password, reference, choices (several of an enum), texts, list (of groups), group, json, id (of something that has no
    page), any."""

    name: str
    kind: str
    required: bool = False
    nullable: bool = False
    options: tuple[Any, ...] = ()
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    reference: Reference | None = None
    fields: tuple[Field, ...] = ()
    shown_to: str | None = None
    """The right without which it is left out of every answer (``x-shown-to``)."""
    set_by: str | None = None
    """The right without which a request may not have it (``x-set-by``)."""
    refers_by: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Other resources that it points at, by the value of another member of its document (``x-refers-by``)."""
    when: When = When.EITHER
    """Where its days may lie (``x-when``), and so which year a day typed without one is of."""

    @property
    def numeric(self) -> bool:
        return self.kind in {"integer", "number", "decimal", "money"}

    @property
    def past(self) -> bool:
        """A day or moment that may only be over."""
        return self.kind in {"date", "datetime"} and self.when is When.PAST

    @property
    def scalar(self) -> bool:
        return self.kind not in {"list", "group", "json", "texts", "choices"}


def kind_of(name: str, schema: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """The kind of a member and, for enums, its options."""
    types = schema.get("type", "object" if "properties" in schema else None)
    kinds = [t for t in (types if isinstance(types, list) else [types]) if t != "null"]
    type_ = kinds[0] if len(kinds) == 1 else None
    if "enum" in schema:
        return "enum", tuple(o for o in schema["enum"] if o is not None)
    if "const" in schema:
        return "enum", (schema["const"],)
    if type_ == "array":
        items = merged(schema.get("items", {}))
        kind, options = kind_of(name, items)
        return {"enum": "choices", "group": "list"}.get(kind, "texts"), options
    if type_ == "object":
        return ("group" if schema.get("properties") else "json"), ()
    if type_ in {"integer", "number", "boolean"}:
        return type_, ()
    if type_ == "string":
        return _text_kind(name, schema), ()
    return "any", ()


def _text_kind(name: str, schema: dict[str, Any]) -> str:
    format_ = schema.get("format", "")
    if format_ == "uuid":
        return "id"
    if format_ in {"date", "password"}:
        return str(format_)
    if format_ == "date-time":
        return "datetime"
    if (decimals := contracts.decimals(schema)) is not None:
        return "money" if decimals == 2 else "decimal"
    if "phone" in (format_, name):
        return "phone"
    if name.startswith("password") or name.endswith(("password", "secret")):
        return "password"
    return "longtext" if (schema.get("maxLength") or 0) > 400 and name != "url" else "text"


def merged(schema: dict[str, Any]) -> dict[str, Any]:
    """One flat schema out of ``allOf`` and of ``anyOf``/``oneOf`` with null: what a form needs to know."""
    for word in ("anyOf", "oneOf"):
        real = [s for s in schema.get(word, ()) if s.get("type") != "null"]
        if len(real) == 1:
            inner = merged(real[0])
            kinds = (
                {"type": [inner["type"], "null"]}
                if len(schema[word]) > 1 and isinstance(inner.get("type"), str)
                else {}
            )
            schema = {**{k: v for k, v in schema.items() if k != word}, **inner, **kinds}
    if "allOf" not in schema:
        return schema
    out: dict[str, Any] = {k: v for k, v in schema.items() if k != "allOf"}
    for part in map(merged, schema["allOf"]):
        properties = {**part.get("properties", {}), **out.get("properties", {})}
        required = [*part.get("required", ()), *out.get("required", ())]
        out = {**part, **out}
        if properties:
            out["properties"] = properties
        if required:
            out["required"] = required
    return out
