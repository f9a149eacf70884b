"""Credential: how a user signs in. Apart from the user, so that signing in changes no document and no version (G-02, G-05)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped


class Credential(Base, Scoped):
    """``id`` is the user's. ``epoch``: access tokens of a lower one are void, at once."""

    __tablename__ = "credentials"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    password_hash: Mapped[str]
    must_change: Mapped[bool]
    failures: Mapped[int]
    locked_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    epoch: Mapped[int]
    epoch_at: Mapped[datetime]
    online_before: Mapped[int] = mapped_column(BigInteger)
    """Seconds of sessions that are forgotten by now (G-20)."""

    @classmethod
    def create(cls, user_id: uuid.UUID, org_path: str, password_hash: str, must_change: bool, now: datetime) -> Credential:
        return cls(
            id=user_id,
            org_path=org_path,
            password_hash=password_hash,
            must_change=must_change,
            failures=0,
            locked_at=None,
            last_login_at=None,
            epoch=1,
            epoch_at=now,
            online_before=0,
        )

    @property
    def locked(self) -> bool:
        return self.locked_at is not None

    def failed(self, limit: int, now: datetime) -> None:
        """One more wrong password; the ``limit``-th locks."""
        self.failures += 1
        if self.failures >= limit:
            self.locked_at = now

    def succeeded(self, now: datetime) -> None:
        self.failures, self.last_login_at = 0, now

    def unlock(self) -> None:
        self.failures, self.locked_at = 0, None

    def set_password(self, password_hash: str, must_change: bool) -> None:
        self.password_hash, self.must_change = password_hash, must_change

    def close(self) -> None:
        """No password fits any more."""
        self.password_hash = ""

    def void_tokens(self, now: datetime) -> None:
        self.epoch, self.epoch_at = self.epoch + 1, now
