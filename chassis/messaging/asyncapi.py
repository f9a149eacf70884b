"""The AsyncAPI 3.0 document, generated from the event schemas of the contracts.

``python -m chassis.messaging.asyncapi [FILE]`` writes it with the consumers of this repository's services.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from chassis.domain.events import parse_type
from chassis.events import schemas
from chassis.events.envelope import CONTENT_TYPE

Consumers = Mapping[str, Sequence[str]]


def document(consumers: Consumers | None = None) -> dict[str, Any]:
    """One channel per event type; all verbs of an aggregate carry the same state. ``consumers``: names of the services that receive a type, where they are known."""
    types = sorted(schemas.types())
    operations = {f"{parse_type(type_).service}.sends.{_name(type_)}": _operation("send", type_) for type_ in types}
    for type_, services in (consumers or {}).items():
        operations |= {f"{service}.receives.{_name(type_)}": _operation("receive", type_) for service in services}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "After-sales platform events (售后服务管理平台事件)",
            "version": "1",
            "description": "CloudEvents 1.0 in JSON. At least once, in any order: tell repeats by `id`, "
            "older from newer by `sequence` within one `subject`. A later release may add members, verbs and, where `x-open` stands, "
            "values: pass over what you do not know.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {type_: _channel(type_) for type_ in types},
        "operations": dict(sorted(operations.items())),
        "components": {
            "messages": {type_: _message(type_) for type_ in types},
            "schemas": {
                "Envelope": _plain(schemas.envelope()),
                **{state: _plain(schemas.schema(state)) for state in sorted(schemas.states())},
            },
        },
    }


def _channel(type_: str) -> dict[str, Any]:
    return {
        "address": type_,
        "description": schemas.description(type_),
        "messages": {"event": {"$ref": f"#/components/messages/{type_}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": {"name": "aftersales.events", "type": "topic"}}},
    }


def _name(type_: str) -> str:
    return type_.removeprefix("aftersales.")


def _operation(action: str, type_: str) -> dict[str, Any]:
    channel = f"#/channels/{type_}"
    return {"action": action, "channel": {"$ref": channel}, "messages": [{"$ref": f"{channel}/messages/event"}]}


def _message(type_: str) -> dict[str, Any]:
    data = {"$ref": f"#/components/schemas/{parse_type(type_).state}"}
    fitted = {"properties": {"type": {"const": type_}, "data": data}}
    return {
        "name": type_,
        "contentType": CONTENT_TYPE,
        "payload": {"allOf": [{"$ref": "#/components/schemas/Envelope"}, fitted]},
        "examples": [{"payload": {"type": type_, "data": schemas.example(type_)}}],
    }


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema to stand inside a document: without its own dialect and examples."""
    return {key: value for key, value in schema.items() if key not in ("$schema", "$id", "examples")}


def _consumers() -> Consumers:
    from chassis.messaging.registry import subscriptions
    from chassis.service import suite

    found: dict[str, list[str]] = {}
    for service in suite():
        for type_ in subscriptions(service).types:
            found.setdefault(type_, []).append(service.name)
    return found


if __name__ == "__main__":
    text = orjson.dumps(document(_consumers()), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_bytes(text)
    else:
        sys.stdout.buffer.write(text)
