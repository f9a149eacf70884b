"""Notice (站内通知): one fact told to one user. Its words are made where it is read (texts.yaml), in the reader's language."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, ScopedChild, moved_with


class Notice(Base, ScopedChild):
    """``org_path`` is where the recipient stood when he was told: what was told to him in a unit that he has left is not shown to him
    any more, no more than that unit's documents."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("key", "recipient"),
        Index("ix_notices_recipient", "recipient", "created_at", "id"),
        moved_with("notices"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str]
    """The fact: told again it is the same notice."""
    recipient: Mapped[str]
    """His login name."""
    kind: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    """The document that it is about."""
    data: Mapped[dict[str, Any]]
    """What its words name: numbers of documents, names of sites and of members. Nothing about a person."""
    created_at: Mapped[datetime] = mapped_column(index=True)
    read_at: Mapped[datetime | None]
