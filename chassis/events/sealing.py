"""Events about persons (``x-personal`` in their schema) are stored with their data sealed; the rest of the envelope stays
readable, and on the wire the event is what its contract says."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson

from chassis import crypto
from chassis.domain.events import parse_type
from chassis.events import schemas

SEALED = "sealed"


@cache
def personal_types() -> frozenset[str]:
    """The types known to this release."""
    return frozenset(filter(is_personal, schemas.types()))


def is_personal(type_: str) -> bool:
    """Also of a verb that only a newer release knows."""
    return bool(schemas.schema(parse_type(type_).state).get("x-personal"))


def stored(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope as it may stand in a table."""
    if not is_personal(envelope["type"]):
        return dict(envelope)
    data = crypto.seal(orjson.dumps(envelope["data"]), _place(envelope))
    return {**envelope, "data": {SEALED: base64.b64encode(data).decode()}}


def opened(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope as its contract says."""
    if not is_personal(envelope["type"]) or set(envelope["data"]) != {SEALED}:
        return dict(envelope)
    data = crypto.open(base64.b64decode(envelope["data"][SEALED]), _place(envelope))
    return {**envelope, "data": orjson.loads(data)}


def _place(envelope: Mapping[str, Any]) -> str:
    return crypto.place("events", "data", envelope["id"])
