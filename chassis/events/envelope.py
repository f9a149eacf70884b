"""CloudEvents 1.0 envelopes: built from an ``Event``, read back as one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from chassis.domain.events import Event

Envelope = dict[str, Any]
CONTENT_TYPE = "application/cloudevents+json"


def build(event: Event) -> Envelope:
    """The envelope as plain JSON values. Decimals become strings with 2 places (money)."""
    envelope = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": "application/json",
        "sequence": event.sequence,
        "orgpath": event.org_path,
        "heldpath": event.held_path,
        "boundpath": event.bound_path,
        "partyid": event.party_id,
        "actor": event.actor,
        "traceparent": event.traceparent,
        "data": event.data,
    }
    built: Envelope = orjson.loads(
        encode({key: value for key, value in envelope.items() if value is not None})
    )
    return built


def encode(envelope: Mapping[str, Any]) -> bytes:
    return orjson.dumps(envelope, default=_plain, option=orjson.OPT_UTC_Z)


def parse(envelope: Mapping[str, Any]) -> Event:
    """The event in a valid envelope (see ``schemas.check_envelope``)."""
    return Event(
        id=UUID(envelope["id"]),
        type=envelope["type"],
        source=envelope["source"],
        subject=UUID(envelope["subject"]),
        sequence=envelope["sequence"],
        time=datetime.fromisoformat(envelope["time"]),
        org_path=envelope.get("orgpath"),
        held_path=envelope.get("heldpath"),
        bound_path=envelope.get("boundpath"),
        actor=envelope["actor"],
        traceparent=envelope.get("traceparent"),
        data=envelope["data"],
        party_id=UUID(party) if (party := envelope.get("partyid")) else None,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        # Never rounded here: more than 2 places reach the schema check, which refuses them as money.
        return str(value if value.as_tuple().exponent < -2 else value.quantize(Decimal("0.01")))  # type: ignore[operator]
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__qualname__} in an event")
