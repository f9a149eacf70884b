"""What a row of another system said, member by member, so that the same id with other content is told and not passed over.

Of each member only a digest is kept: a problem told in free words is a person's, and is kept once, in the order.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from uuid import UUID

from chassis.domain.moments import moment
from services.orders.kernel import Document

Content = dict[str, str]
"""Digest by member of the row, in the words of the contract."""


def content(given: Document, registered_at: datetime) -> Content:
    """``registered_at``: the row's moment, however the row said it; two ways to write one thing are one content."""
    device, completed_at = given.get("device", {}), given.get("completed_at")
    return _digests({
        **_facts(UUID(given["site_id"]), given.get("product_id") and UUID(given["product_id"]), registered_at, given.get("problem", "")),
        "device": "device" in given,
        "device.serial_number": device.get("serial_number"),
        "device.purchased_on": device.get("purchased_on"),
        "channel": given.get("channel", "counter"),
        "completed_at": completed_at and moment(completed_at),
        "state": given["state"],
        "reason": given.get("reason"),
    })  # fmt: skip


def content_of_order(site_id: UUID, product_id: UUID | None, registered_at: datetime, problem: str) -> Content:
    """What can still be told of a row that was taken over before contents were kept: what of its order does not change."""
    return _digests(_facts(site_id, product_id, registered_at, problem))


def _facts(site_id: UUID, product_id: UUID | None, registered_at: datetime, problem: str) -> Document:
    return {"site_id": site_id, "product_id": product_id, "registered_at": registered_at.astimezone(UTC), "problem": problem}


def _digests(said: Document) -> Content:
    return {name: blake2b(str(value).encode(), digest_size=6).hexdigest() for name, value in said.items()}


def differences(before: Content, now: Content) -> list[str]:
    """Members that say something else now. What is not in ``kept`` is not compared."""
    return [name for name, digest in now.items() if before.get(name, digest) != digest]
