"""Sealing of what must not lie open on a disk (G-24): AES-256-GCM under the key ring of the suite.

``seal(value, context)`` and ``open(sealed, context)`` take each other back; ``context`` says where the value stands (``place("customers",
"name", id)``): moved elsewhere, it does not open. ``mark(text, context)`` is the blind index: equal texts of one context have equal marks,
and without the ring nobody can make or undo one. See chassis/decisions/0007-sealed-at-rest.md."""

from __future__ import annotations

from chassis.crypto.ring import KeyMissing, Ring, RingError, Unopenable, key_of
from chassis.crypto.source import ring, use

__all__ = [
    "KeyMissing", "Ring", "RingError", "Unopenable", "fingerprint", "key_of", "mark", "open", "place", "ring", "seal", "use",
]  # fmt: skip


def seal(value: bytes, context: str) -> bytes:
    """The value under the current key, bound to its context."""
    return ring().seal(value, context)


def open(sealed: bytes, context: str) -> bytes:
    """What was sealed. Raises Unopenable when a byte or the context differs, KeyMissing when the ring lacks its key."""
    try:
        return ring().open(sealed, context)
    except KeyMissing:  # somebody turned the ring a moment ago
        return ring(anew=True).open(sealed, context)


def mark(text: str, context: str) -> int:
    """Blind index of a text: 64 bits, signed as PostgreSQL's bigint."""
    return ring().mark(text, context)


def fingerprint(value: bytes, context: str) -> bytes:
    """32 bytes that are equal for equal values, and that nobody can guess a value by without the ring."""
    return ring().fingerprint(value, context)


def place(table: str, column: str, *key: object) -> str:
    """The context of one column of one row."""
    return f"{table}.{column}:{'/'.join(map(str, key))}"
