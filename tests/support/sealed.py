"""What stands sealed in a database, opened for a look."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chassis import crypto
from chassis.crypto import Ring


def answers(rows: Iterable[Any], ring: Ring | None = None) -> list[str]:
    """Stored answers, of rows (principal, request, key, answer) of ``idempotency``; ``ring``: that of the suite."""
    return [
        (ring or crypto.ring()).open(bytes(answer), crypto.place("idempotency", "answer", *key)).decode() for *key, answer in rows
    ]
