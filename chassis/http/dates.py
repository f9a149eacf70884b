"""Days and moments among the members of a request: where the contract says they may lie (``x-when``), and moments told in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from chassis.domain.errors import ValidationFailed
from chassis.domain.moments import When, day, moment

Errors = list[dict[str, str]]
EACH = "*"


@dataclass(frozen=True, slots=True)
class Dated:
    """One member that is a day or a moment. ``path``: names from the body's root, ``*`` for each item of a list."""

    path: tuple[str, ...]
    format: str
    when: When

    def read(self, text: str) -> date | datetime:
        return day(text) if self.format == "date" else moment(text)


class Dates:
    """Those of one request schema. Values are checked against the schema before."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.members = tuple(_members(schema, ()))

    def check(self, value: Any, now: datetime) -> None:
        """ValidationFailed names every day and moment that lies where it must not."""
        if errors := self.misplaced(value, now):
            raise ValidationFailed(errors)

    def misplaced(self, value: Any, now: datetime) -> Errors:
        return [
            {"field": ".".join(path), "code": "out_of_range"}
            for dated in self.members
            for path, holder, name in _places(value, dated.path)
            if not dated.when.allows(dated.read(holder[name]), now)
        ]

    def to_utc(self, value: Any) -> None:
        """Writes moments in UTC, which every database takes."""
        for dated in self.members:
            if dated.format == "date-time":
                for _, holder, name in _places(value, dated.path):
                    holder[name] = moment(holder[name]).isoformat()


def _members(schema: dict[str, Any], path: tuple[str, ...]) -> Iterator[Dated]:
    if schema.get("format") in ("date", "date-time"):
        yield Dated(path, schema["format"], When(schema.get("x-when", When.EITHER)))
    for name, member in schema.get("properties", {}).items():
        yield from _members(member, (*path, name))
    if "items" in schema:
        yield from _members(schema["items"], (*path, EACH))


def _places(value: Any, path: tuple[str, ...], trail: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Where texts of this path stand: the whole path, what holds it, and under which name or index. Absent and null: nowhere."""
    name, *rest = path
    keys = range(len(value)) if name == EACH else (name,) if name in value else ()
    for key in keys:
        there = (*trail, str(key))
        if rest and value[key] is not None:
            yield from _places(value[key], tuple(rest), there)
        elif not rest and isinstance(value[key], str):
            yield there, value, key
