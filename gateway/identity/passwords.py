"""Passwords with Argon2id. Slow by intent: called from request threads, never on the event loop, few at a time."""

from __future__ import annotations

import secrets
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

# 19 MiB and two passes: about 40 ms of one core, and a stolen table stays expensive to try.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_room = threading.BoundedSemaphore(4)


def hashed(password: str) -> str:
    with _room:
        return _hasher.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password fits. Without a hash it takes as long and says no, so that names cannot be told by time."""
    with _room:
        try:
            return _hasher.verify(password_hash or _nobodys(), password) and password_hash is not None
        except (Argon2Error, InvalidHashError):
            return False


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with other costs than today's."""
    return _hasher.check_needs_rehash(password_hash)


def random() -> str:
    """A password to be told once and changed: 16 signs, none that look alike."""
    return "".join(secrets.choice("abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789") for _ in range(16))


@cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_hex(16))
