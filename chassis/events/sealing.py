"""Events about persons are stored with their data sealed (contracts/common/personal.yaml); the rest of the envelope stays
readable, and on the wire the event is what its contract says."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
import yaml

from chassis import crypto
from chassis.events.schemas import ENVELOPE

SEALED = "sealed"


@cache
def personal_types() -> frozenset[str]:
    found = yaml.safe_load((ENVELOPE.parent / "personal.yaml").read_text(encoding="utf-8"))
    return frozenset(found["events"])


def stored(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope as it may stand in a table."""
    if envelope["type"] not in personal_types():
        return dict(envelope)
    data = crypto.seal(orjson.dumps(envelope["data"]), _place(envelope))
    return {**envelope, "data": {SEALED: base64.b64encode(data).decode()}}


def told(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope as its contract says."""
    if envelope["type"] not in personal_types() or set(envelope["data"]) != {SEALED}:
        return dict(envelope)
    data = crypto.open(base64.b64decode(envelope["data"][SEALED]), _place(envelope))
    return {**envelope, "data": orjson.loads(data)}


def _place(envelope: Mapping[str, Any]) -> str:
    return crypto.place("events", "data", envelope["id"])
