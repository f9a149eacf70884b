"""What a request's body said, short and without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from chassis.ops.logging import mask

SECRET = re.compile(r"pass(word|code|phrase)?|secret|token|confirm|device_key|private|credential|(^|_)(pin|key|otp)$", re.IGNORECASE)
HIDDEN = "***"
LONGEST_TEXT, MOST_ITEMS, DEEPEST, LONGEST = 120, 8, 4, 4000
READ_AT_MOST = 32_768
"""Bytes of a body that are kept for the summary; of a longer one only its size is told."""


def summary(body: bytes, whole: bool = True, form: bool = False, legible: Mapping[str, bool] | None = None) -> dict[str, Any] | None:
    """Members of a JSON object or of a form, long texts and lists cut, what looks secret or like a phone number masked, and
    of a request about a person (``legible`` says of its members which may be told) all others. None for none."""
    if not body.strip():
        return None
    if not whole:
        return {"bytes": f"more than {READ_AT_MOST}"}
    try:
        value = dict(parse_qsl(body.decode(), max_num_fields=100)) if form else orjson.loads(body)
    except ValueError:
        return {"unreadable": len(body)}
    if legible is not None and not isinstance(value, dict):
        return {"unreadable": len(body)}
    short = _short(value, DEEPEST, legible)
    shown = short if isinstance(short, dict) else {"value": short}
    if len(orjson.dumps(shown)) > LONGEST:
        return {"bytes": len(body), "members": sorted(shown)[:MOST_ITEMS]}
    return shown


def _short(value: Any, depth: int, legible: Mapping[str, bool] | None) -> Any:
    if isinstance(value, str):
        return mask(value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "…").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, dict):
        if depth == 0:
            return f"{len(value)} members"
        first = list(value.items())[: MOST_ITEMS * 5]
        return {
            _name(name, legible): _short(item, depth - 1, legible) if _legible(name, legible) else HIDDEN for name, item in first
        }
    if isinstance(value, list):
        if depth == 0:
            return f"{len(value)} items"
        cut = [_short(item, depth - 1, legible) for item in value[:MOST_ITEMS]]
        return [*cut, f"and {len(value) - MOST_ITEMS} more"] if len(value) > MOST_ITEMS else cut
    return value


def _name(name: str, legible: Mapping[str, bool] | None) -> Any:
    return _short(name, 1, None) if legible is None or name in legible else HIDDEN


def _legible(name: str, legible: Mapping[str, bool] | None) -> bool:
    return not SECRET.search(name) and (legible is None or legible.get(name, False))
