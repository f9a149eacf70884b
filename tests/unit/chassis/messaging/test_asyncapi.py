"""The generated document: complete, and every reference in it resolves."""

from __future__ import annotations

from typing import Any

from chassis.events import schemas
from chassis.messaging import asyncapi


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    return [ref for value in node for ref in references(value)] if isinstance(node, list) else []


def test_every_type_has_channel_message_and_sender() -> None:
    types = set(schemas.types())
    document = asyncapi.document({"aftersales.finance.bill.issued.v1": ["orders"]})
    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == set(document["components"]["messages"]) == types
    assert sum(operation["action"] == "send" for operation in document["operations"].values()) == len(types)
    assert document["operations"]["orders.receives.finance.bill.issued.v1"]["action"] == "receive"
    for ref in references(document):
        found = document
        for part in ref.removeprefix("#/").split("/"):
            found = found[part]
