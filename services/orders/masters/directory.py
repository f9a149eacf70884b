"""Directory (通讯录): what sites and technicians of the whole company are called, for documents of one site that name those of another."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base

SITE = "site"


class DirectoryEntry(Base):
    """A site or a technician: nothing but the name, the code and where it is. The database keeps it (a trigger of their tables), so that it
    agrees with them whatever changes those; the application reads it."""

    __tablename__ = "directory"
    __table_args__ = (Index("ix_directory_kind", "kind", "code", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """``site`` or ``technician``."""
    code: Mapped[str | None] = mapped_column(Text(collation="C"))
    name: Mapped[str]
    search_key: Mapped[str] = mapped_column(Text(collation="C"))
    path: Mapped[str] = mapped_column(Text(collation="C"))
    """Scope of whoever is there."""
    active: Mapped[bool]
