"""Checks requests against their contract: every error at once, each with its field and a code of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import jsonschema_rs
import orjson

from chassis.domain.errors import BadLimit, MalformedJson, NotFound, ValidationFailed
from chassis.domain.moments import day, is_day, is_moment, moment
from chassis.http import uploads
from chassis.http.dates import Dates

Errors = list[dict[str, str]]
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u2028\u2029\ufeff]")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
"""As the format of JSON Schema has it; Python's own reader also takes braces, urn:, no dashes and the digits of any script."""
CODES = {
    "required": "missing",
    "additionalProperties": "unknown",
    "type": "wrong_type",
    "enum": "not_allowed",
    "const": "not_allowed",
    "pattern": "bad_format",
    "format": "bad_format",
    "minLength": "too_short",
    "maxLength": "too_long",
    "minItems": "too_few",
    "maxItems": "too_many",
    "uniqueItems": "duplicate_line",
    "multipleOf": "too_many_decimals",
}


def compiled(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    formats = {"date": is_day, "date-time": is_moment}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, formats=formats)


def violations(validator: jsonschema_rs.Draft202012Validator, value: Any) -> Errors:
    """All errors of a value as {"field", "code"}, fields as dotted paths."""
    errors: Errors = []
    for error in validator.iter_errors(value):
        path = [str(part) for part in error.instance_path]
        reason: Any = error.kind
        kind = reason.name
        if kind == "required":
            errors.append({"field": ".".join([*path, reason.property]), "code": "missing"})
        elif kind == "additionalProperties":
            unknown = reason.unexpected
            errors.extend({"field": ".".join([*path, name]), "code": "unknown"} for name in unknown)
        else:
            errors.append({"field": ".".join(path), "code": CODES.get(kind, "out_of_range")})
    return errors


def control_characters(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Paths of texts that hold characters no field may have (all controls but tab and line breaks)."""
    if isinstance(value, str):
        if CONTROL.search(value):
            yield ".".join(path)
    elif isinstance(value, dict):
        for name, item in value.items():
            if CONTROL.search(name):
                yield ".".join((*path, "?"))
            yield from control_characters(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from control_characters(item, (*path, str(index)))


class Body:
    """The body of one operation: JSON, a form where the contract offers that too, or files where it says
    multipart/form-data."""

    def __init__(self, spec: dict[str, Any]) -> None:
        contents = spec.get("requestBody", {}).get("content", {})
        content = contents.get(JSON)
        self.media = frozenset(contents)
        properties = content["schema"].get("properties", {}) if content else {}
        self._members = frozenset(properties)
        self._integers = frozenset(name for name, schema in properties.items() if schema.get("type") in ("integer", ["integer", "null"]))
        self._files = contents.get(uploads.MULTIPART, {}).get("schema", {}).get("properties")
        self.schema: dict[str, Any] = content["schema"] if content else {}
        self._validator = compiled(self.schema) if content else None
        self.dates = Dates(content["schema"] if content else {})
        # A batch whose rows the use case judges one by one: what is wrong in one must not refuse the others.
        self._rows = (f"{spec['x-rows']}.",) if "x-rows" in spec else ()

    def parse(self, raw: bytes, content_type: str = JSON) -> dict[str, Any]:
        """The body as a dict. An empty body counts as ``{}``, so that its missing fields are named."""
        if self._files is not None:
            return dict(uploads.parse(raw, content_type, self._files))
        if self._validator is None:
            return {}
        if FORM in self.media and content_type.partition(";")[0].strip().lower() == FORM:
            value: Any = self._form(raw)
        else:
            try:
                value = orjson.loads(raw) if raw.strip() else {}
            except orjson.JSONDecodeError:
                raise MalformedJson() from None
        errors = violations(self._validator, value)
        found = (path for path in control_characters(value) if not path.startswith(self._rows))
        errors += [{"field": path, "code": "control_characters"} for path in found]
        if errors:
            raise ValidationFailed(errors)
        body: dict[str, Any] = value
        self.dates.to_utc(body)
        # JSON knows one kind of number, so 5.0 is an integer too; it is kept and shown as 5.
        return {name: int(item) if name in self._integers and item is not None else item for name, item in body.items()}

    def _form(self, raw: bytes) -> dict[str, str]:
        """Members without a value count as absent and unknown ones are ignored, as RFC 6749 3.2 wants of its forms."""
        try:
            pairs = parse_qsl(raw.decode("utf-8"), errors="strict", max_num_fields=100)
        except ValueError:
            raise ValidationFailed.of("body", "bad_format") from None
        names = [name for name, _ in pairs]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValidationFailed([{"field": name, "code": "too_many"} for name in twice])
        return {name: value for name, value in pairs if name in self._members}


class Parameters:
    """Path and query parameters of one operation, checked and converted."""

    def __init__(self, spec: dict[str, Any]) -> None:
        declared = spec.get("parameters", [])
        self.path = {p["name"]: p["schema"] for p in declared if p["in"] == "path"}
        self.query = {p["name"]: p for p in declared if p["in"] == "query"}
        self._validators = {name: compiled(p["schema"]) for name, p in self.query.items()}

    def parse_path(self, given: dict[str, str]) -> dict[str, Any]:
        """Path parameters; what cannot be an id of this kind is simply not found."""
        found: dict[str, Any] = {}
        for name, value in given.items():
            if self.path.get(name, {}).get("format") == "uuid":
                if not _UUID.fullmatch(value):
                    raise NotFound()
                found[name] = UUID(value)
            elif CONTROL.search(value):
                raise NotFound()
            else:
                found[name] = value
        return found

    def parse_query(self, raw: bytes) -> dict[str, Any]:
        errors: Errors = []
        values: dict[str, Any] = {}
        try:
            text_ = raw.decode("ascii")
            pairs = parse_qsl(text_, keep_blank_values=True, errors="strict", max_num_fields=100)
        except ValueError:
            raise ValidationFailed.of("query", "bad_format") from None
        for name, text in pairs:
            if name not in self.query:
                errors.append({"field": name, "code": "unknown"})
                continue
            schema = self.query[name]["schema"]
            if schema.get("type") == "array":
                values.setdefault(name, []).extend(text.split(","))
            elif name in values:
                errors.append({"field": name, "code": "too_many"})
            else:
                values[name] = _converted(text, schema)
        for name, parameter in self.query.items():
            if name in values:
                codes = violations(self._validators[name], values[name])
                if next(control_characters(values[name]), None) is not None:
                    codes = [{"field": "", "code": "control_characters"}]
                if codes and name == "limit":
                    raise BadLimit()
                errors.extend({"field": name, "code": code["code"]} for code in codes)
            elif parameter.get("required"):
                errors.append({"field": name, "code": "missing"})
        if errors:
            raise ValidationFailed(errors)
        return {name: _native(value, self.query[name]["schema"]) for name, value in values.items()}


def _converted(text: str, schema: dict[str, Any]) -> Any:
    """Query text as the JSON value its schema asks for; left as text when it cannot be."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?\d{1,18}(\.\d+)?", text):
        return float(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _native(value: Any, schema: dict[str, Any]) -> Any:
    if isinstance(value, str):
        if schema.get("format") == "uuid":
            return UUID(value)
        if schema.get("format") == "date":
            return day(value)
        if schema.get("format") == "date-time":
            return moment(value)
        if schema.get("x-amount"):
            return Decimal(value)
    return value
