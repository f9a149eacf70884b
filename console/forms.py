"""Forms made from contract fields: names of inputs, typed text to JSON body, problems back to the inputs.

Inputs are named by path with dashes (``lines-0-part_id``). A reference has two inputs: the value, and what
was typed
(``…__text``), which is looked up when no value was picked, so that forms work without JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from console.fields import Field, Reference
from console.gateway import Problem
from console.understand import NotUnderstood, amount, day, decimal, moment, number

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TEXT = "__text"
Resolve = Callable[[Reference, str], str | None]


@dataclass
class Form:
    """One form being filled in. ``typed`` keeps every input as the user left it, ``errors`` are codes by
    input name."""

    fields: tuple[Field, ...]
    typed: dict[str, list[str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    problem: Problem | None = None

    def __post_init__(self) -> None:
        for found in self.fields:
            if found.kind == "list":
                self._close_gaps(found)

    @classmethod
    def of_document(
        cls, fields: tuple[Field, ...], document: Mapping[str, Any], moments: Callable[[Any], str]
    ) -> Form:
        """A form that shows a document's present values."""
        form = cls(fields)
        form._fill(fields, document, "", moments)
        return form

    def _fill(
        self, fields: Iterable[Field], values: Mapping[str, Any], prefix: str, moments: Callable[[Any], str]
    ) -> None:
        for f in fields:
            value, name = values.get(f.name), prefix + f.name
            if value is None:
                continue
            if f.kind == "group":
                self._fill(f.fields, value, f"{name}-", moments)
            elif f.kind == "list":
                for n, row in enumerate(value):
                    self._fill(f.fields, row, f"{name}-{n}-", moments)
            elif f.kind in {"choices", "texts"}:
                self.typed[name] = [str(v) for v in value]
            elif f.kind == "boolean":
                self.typed[name] = ["true" if value else "false"]
            else:
                self.typed[name] = [moments(value) if f.kind == "datetime" else str(value)]

    def value(self, name: str, default: Any = None) -> str:
        """The text to show in an input."""
        if name in self.typed:
            return self.typed[name][0] if self.typed[name] else ""
        if isinstance(default, bool):
            return "true" if default else "false"
        return "" if default is None or isinstance(default, list | dict) else str(default)

    def values(self, name: str) -> list[str]:
        return self.typed.get(name, [])

    def rows(self, name: str) -> int:
        """How many rows a list shows: those typed, at least one."""
        found = [int(m[1]) for key in self.typed if (m := re.match(rf"{re.escape(name)}-(\d+)-", key))]
        return max(found, default=0) + 1

    def add_row(self, name: str) -> None:
        found = next((f for f in self.fields if f.name == name and f.kind == "list"), None)
        if found and found.fields:
            self.typed[f"{name}-{self.rows(name)}-{found.fields[0].name}"] = [""]

    def body(self, resolve: Resolve, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
        """The request body. What cannot be understood is noted in ``errors`` and left out; empty inputs are
        left out
        too, so that the API names what is missing."""
        return self._object(self.fields, "", resolve, now, zone)

    def _object(
        self, fields: Iterable[Field], prefix: str, resolve: Resolve, now: datetime, zone: ZoneInfo
    ) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for f in fields:
            name = prefix + f.name
            if f.kind == "list":
                rows = (
                    self._object(f.fields, f"{name}-{n}-", resolve, now, zone) for n in range(self.rows(name))
                )
                out[f.name] = [row for n, row in enumerate(rows) if row or self._has(f"{name}-{n}-")]
            elif f.kind == "group":
                if group := self._object(f.fields, f"{name}-", resolve, now, zone):
                    out[f.name] = group
            elif f.kind == "choices":
                if chosen := [v for v in self.values(name) if v]:
                    out[f.name] = chosen
            elif f.kind == "texts":
                lines = [line.strip() for text in self.values(name) for line in text.splitlines()]
                if lines := [line for line in lines if line]:
                    out[f.name] = lines
            else:
                try:
                    value = self._scalar(f, name, resolve, now, zone)
                except NotUnderstood:
                    self.errors[name] = f"{f.kind}_not_understood" + ("_past" if f.past else "")
                else:
                    if value is not None:
                        out[f.name] = value
        return out

    def _scalar(self, f: Field, name: str, resolve: Resolve, now: datetime, zone: ZoneInfo) -> Any:
        text = self.value(name).replace("\r\n", "\n")
        text = text if f.kind == "password" else text.strip()
        if f.kind == "reference" and not text:
            typed = self.value(name + TEXT).strip()
            if not typed or (f.reference and f.reference.member == "id" and UUID.fullmatch(typed)):
                return typed or None
            found = resolve(f.reference, typed) if f.reference else None
            if found is None:
                self.errors[name] = "reference_not_found"
            return found
        if not text:
            return None
        match f.kind:
            case "boolean":
                return text == "true"
            case "integer" | "number":
                return number(text)
            case "money":
                return amount(text)
            case "decimal":
                return decimal(text)
            case "date":
                return day(text, now.astimezone(zone).date(), f.when).isoformat()
            case "datetime":
                return moment(text, now, zone, f.when).isoformat().replace("+00:00", "Z")
            case "enum":
                return next((o for o in f.options if str(o) == text), text)
        return text

    def refuse(self, problem: Problem) -> None:
        """Puts an answer of the API beside the inputs it speaks of."""
        self.problem = problem
        for f in self.fields:  # what is still to be said of each: begun with that
            if f.kind == "list" and not self._has(f"{f.name}-") and isinstance(problem.document.get(f.name), list):
                self._fill((f,), problem.document, "", str)
        for error in problem.document.get("errors") or ():
            name = re.sub(r"[./\[\]]+", "-", str(error.get("field", ""))).strip("-")
            self.errors.setdefault(name, str(error.get("code", "invalid")))
        if named := problem.document.get("field"):
            self.errors.setdefault(re.sub(r"[./\[\]]+", "-", str(named)).strip("-"), problem.code)

    def _has(self, prefix: str) -> bool:
        return any(key.startswith(prefix) and any(v.strip() for v in vs) for key, vs in self.typed.items())

    def _close_gaps(self, f: Field) -> None:
        """Numbers the rows of a list without gaps, blank ones dropped: the API's answer counts rows that
        way."""
        pattern = re.compile(rf"{re.escape(f.name)}-(\d+)-(.+)")
        rows: dict[int, dict[str, list[str]]] = {}
        for key in [k for k in self.typed if pattern.fullmatch(k)]:
            match = pattern.fullmatch(key)
            assert match
            rows.setdefault(int(match[1]), {})[match[2]] = self.typed.pop(key)
        full = [rows[n] for n in sorted(rows) if any(v.strip() for vs in rows[n].values() for v in vs)]
        for n, row in enumerate(full):
            self.typed |= {f"{f.name}-{n}-{rest}": values for rest, values in row.items()}
