"""Failed sign-ins with names that nobody has, counted so that answers do not tell which names exist (G-02)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base


class StraySignIn(Base):
    __tablename__ = "stray_sign_ins"

    username_key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)
