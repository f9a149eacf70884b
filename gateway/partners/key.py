"""Key of a partner: a secret that is shown once. Two are valid at most, so that a partner can change over without a gap."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import new_id
from gateway.partners.errors import TwoKeysValid

MOST_VALID = 2
MOST_KEYS = 10
"""Keys of a partner that are remembered, spent ones included, so that an old secret is told that it has expired."""


class PartnerKey(Base, Scoped):
    """``ends_at``: set when the next key was made. Tokens carry the key's id as their session, so what revokes the key ends
    them as a logout would."""

    __tablename__ = "partner_keys"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[uuid.UUID] = mapped_column(index=True)
    digest: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    ends_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None] = mapped_column(index=True)
    last_used_at: Mapped[datetime | None]

    @classmethod
    def make(cls, partner_id: uuid.UUID, org_path: str, by: str, now: datetime) -> tuple[PartnerKey, str]:
        """The key and its secret, which is kept nowhere."""
        secret = f"ask_{secrets.token_urlsafe(32)}"
        key = cls(
            id=new_id(),
            partner_id=partner_id,
            org_path=org_path,
            digest=digest(partner_id, secret),
            created_at=now,
            created_by=by,
            ends_at=None,
            revoked_at=None,
            last_used_at=None,
        )
        return key, secret

    def fits(self, secret: str) -> bool:
        return hmac.compare_digest(self.digest, digest(self.partner_id, secret))

    def valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.ends_at is None or now < self.ends_at)

    def end(self, at: datetime) -> None:
        """Runs out at this time, or when it would have anyway."""
        self.ends_at = at if self.ends_at is None else min(at, self.ends_at)


def rotate(keys: Sequence[PartnerKey], now: datetime, overlap: timedelta) -> PartnerKey | None:
    """Makes room for the next key: the valid one ends after ``overlap``; it is returned. TwoKeysValid when the last rotation
    is not over yet."""
    valid = [key for key in keys if key.valid(now)]
    if len(valid) >= MOST_VALID:
        raise TwoKeysValid(ends_at=min(key.ends_at for key in valid if key.ends_at))
    for key in valid:
        key.end(now + overlap)
    return valid[0] if valid else None


def digest(partner_id: uuid.UUID, secret: str) -> str:
    """Keyed SHA-256, not Argon2: a slow hash makes guessing dear where people choose the secret. This one is 256 random bits,
    which nobody guesses, and it is asked at every token request, so it should be cheap. The key is the partner's id: a digest
    copied to another partner's row fits nothing."""
    return hmac.new(partner_id.bytes, secret.encode(), hashlib.sha256).hexdigest()
