"""Key ring (密钥环): the keys that seal, each with its id, and the key of the blind index.

Sealed form: one byte of version, four of the key's id, twelve of nonce, then AES-256-GCM's text and tag; the first five are
authenticated with the context. Random nonces are safe for four thousand million values under one key, so rings are turned
long before.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
HEAD, NONCE, TAG = 5, 12, 16


class RingError(Exception):
    """There is no usable ring; the text says why and never shows a key."""


class Unopenable(Exception):
    """Not sealed by this ring for this context, or changed since."""


class KeyMissing(Unopenable):
    """Sealed under a key that the ring does not hold."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the ring has no key {key}")
        self.key = key


@dataclass(frozen=True)
class Key:
    """``retired_at``: since then it seals nothing and, as far as was looked, no row needs it; older backups may."""

    secret: bytes = field(repr=False)
    made_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True)
class Ring:
    """Never changed; turning makes another one."""

    current: str
    keys: Mapping[str, Key]
    index: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Ring:
        id, key = _new_key()
        return cls(id, {id: key}, secrets.token_bytes(32))

    def rotated(self) -> Ring:
        """With a new current key; the others go on opening."""
        id, key = _new_key()
        return replace(self, current=id, keys={**self.keys, id: key})

    def retired(self, id: str) -> Ring:
        return replace(self, keys={**self.keys, id: replace(self.keys[id], retired_at=datetime.now(UTC))})

    def without(self, id: str) -> Ring:
        if id == self.current:
            raise ValueError("the current key is needed")
        return replace(self, keys={other: key for other, key in self.keys.items() if other != id})

    def beside(self, former: Ring) -> Ring:
        """With the keys of another ring too, which only open."""
        now = datetime.now(UTC)
        others = {id: replace(key, retired_at=key.retired_at or now) for id, key in former.keys.items()}
        return replace(self, keys={**others, **self.keys})

    @property
    def name(self) -> str:
        """Tells rings apart without telling a key; stays when the ring is turned."""
        return self.fingerprint(b"", "name").hex()[:16]

    # ---------------------------------------------------------------- use
    def seal(self, value: bytes, context: str) -> bytes:
        head, nonce = VERSION + bytes.fromhex(self.current), os.urandom(NONCE)
        return head + nonce + self._cipher(head[1:]).encrypt(nonce, value, head + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        if len(sealed) < HEAD + NONCE + TAG or sealed[:1] != VERSION:
            raise Unopenable("not a sealed value")
        head, nonce = sealed[:HEAD], sealed[HEAD : HEAD + NONCE]
        try:
            return self._cipher(head[1:]).decrypt(nonce, sealed[HEAD + NONCE :], head + context.encode())
        except InvalidTag:
            raise Unopenable(f"not sealed for {context.partition(':')[0]} of this row, or changed since") from None

    def mark(self, text: str, context: str) -> int:
        return int.from_bytes(self.fingerprint(text.encode(), context)[:8], "big", signed=True)

    def fingerprint(self, value: bytes, context: str) -> bytes:
        return hmac.digest(self.index, f"{context}\0".encode() + value, "sha256")

    @cached_property
    def _ciphers(self) -> dict[bytes, AESGCM]:
        return {bytes.fromhex(id): AESGCM(key.secret) for id, key in self.keys.items()}

    def _cipher(self, id: bytes) -> AESGCM:
        try:
            return self._ciphers[id]
        except KeyError:
            raise KeyMissing(id.hex()) from None

    # ---------------------------------------------------------------- as text
    def text(self) -> str:
        """As kept in a file that only its owner reads."""
        keys = {
            id: {
                "secret": base64.b64encode(key.secret).decode(),
                "made_at": key.made_at.isoformat(),
                "retired_at": key.retired_at and key.retired_at.isoformat(),
            }
            for id, key in self.keys.items()
        }
        return json.dumps({"current": self.current, "index": base64.b64encode(self.index).decode(), "keys": keys}, indent=1)

    @classmethod
    def parse(cls, text: str) -> Ring:
        try:
            found = json.loads(text)
            keys = {
                id: Key(
                    base64.b64decode(key["secret"], validate=True),
                    datetime.fromisoformat(key["made_at"]),
                    datetime.fromisoformat(key["retired_at"]) if key["retired_at"] else None,
                )
                for id, key in found["keys"].items()
            }
            ring = cls(found["current"], keys, base64.b64decode(found["index"], validate=True))
            sound = ring.current in keys and len(ring.index) == 32 and all(len(key.secret) == 32 for key in keys.values())
        except (ValueError, KeyError, TypeError, AttributeError):
            sound = False
        if not sound:
            raise RingError("the key ring is damaged, or is none")
        return ring


def key_of(sealed: bytes) -> str:
    """Id of the key a value was sealed under."""
    return sealed[1:HEAD].hex()


def _new_key() -> tuple[str, Key]:
    return secrets.token_hex(4), Key(secrets.token_bytes(32), datetime.now(UTC))
