"""Session: one sign-in, kept going by refresh tokens that work once. One that comes again was stolen: the session ends."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from datetime import datetime, timedelta

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import new_id

IDLE = timedelta(days=14)
"""How long a session lives without a refresh."""


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Session(Base, Scoped):
    """A refresh token is ``<session>.<family>.<turn>``: the family's secret stays, the turn's changes with each use, so
    every spent token of the session is recognised, however old. Only digests are stored."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_open", "used_at", "user_id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_sessions_locked", "used_at", postgresql_where=text("locked_at IS NOT NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(index=True)
    family_digest: Mapped[str]
    turn_digest: Mapped[str]
    language: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    ended_why: Mapped[str | None]
    acting_unit_id: Mapped[uuid.UUID | None]
    """The unit that an administrator acts for in this session (G-21)."""
    own_session_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    """The own session that acting for a unit began in: one screen shows both."""
    device_id: Mapped[uuid.UUID | None]
    """The device it was begun on, where the unit lets in known ones only (G-22)."""
    locked_at: Mapped[datetime | None]
    """Since when its screen is locked (G-03)."""

    @classmethod
    def start(
        cls, user_id: uuid.UUID, org_path: str, language: str, address: str, now: datetime
    ) -> tuple[Session, str]:
        """The session and its first refresh token."""
        session = cls(
            id=new_id(),
            user_id=user_id,
            org_path=org_path,
            family_digest="",
            turn_digest="",
            language=language,
            address=address,
            created_at=now,
            used_at=now,
            expires_at=now,
            ended_at=None,
            ended_why=None,
            acting_unit_id=None,
            own_session_id=None,
            device_id=None,
            locked_at=None,
        )
        return session, session.renew(now)

    def renew(self, now: datetime) -> str:
        """A refresh token of a new family: all before it are worth nothing."""
        family = secrets.token_urlsafe(24)
        self.family_digest = _digest(family)
        return self._turn(family, now)

    def refresh(self, token: str, now: datetime) -> str | None:
        """The next refresh token; None when this one is not good. A spent one ends the session."""
        _, _, secret = token.partition(".")
        family, _, turn = secret.partition(".")
        if not self.alive(now) or not hmac.compare_digest(_digest(family), self.family_digest):
            return None
        if not hmac.compare_digest(_digest(turn), self.turn_digest):
            self.end("reused", now)
            return None
        return self._turn(family, now)

    def alive(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.expires_at

    def end(self, why: str, now: datetime) -> None:
        if self.ended_at is None:
            self.ended_at, self.ended_why = now, why

    def _turn(self, family: str, now: datetime) -> str:
        turn = secrets.token_urlsafe(24)
        self.turn_digest, self.used_at, self.expires_at = _digest(turn), now, now + IDLE
        return f"{self.id.hex}.{family}.{turn}"


def session_id_of(refresh_token: str) -> uuid.UUID | None:
    """The session a refresh token names; None when it cannot be one."""
    try:
        return uuid.UUID(hex=refresh_token.partition(".")[0])
    except ValueError:
        return None
