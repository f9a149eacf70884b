"""The two tables of a service that keeps attachments: what is known of a file, and its bytes in pieces (decision note 0006)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy import Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from chassis.db.migrate import append_only, scope_table
from chassis.domain.aggregate import Aggregate

PIECE = 262_144
"""Bytes in one row: what is in memory of a download at a time."""


class AttachmentFields(Aggregate):
    """A file of a document. ``owner`` is the table of the document, ``org_path`` the document's, null where it is company-wide.
    Deleting sets a mark (R-04); the bytes stay."""

    owner: Mapped[str]
    owner_id: Mapped[UUID]
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    deleted_at: Mapped[datetime | None]
    deleted_by: Mapped[str | None]
    org_path: Mapped[str | None] = mapped_column(Text(collation="C"), index=True, sort_order=80)

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Index, ...]:
        return (Index("ix_attachments_owner", "owner_id", "owner", "id"),)


class PieceFields:
    """Piece ``number`` (from 0) of a file's bytes. Written once."""

    attachment_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    org_path: Mapped[str | None] = mapped_column(Text(collation="C"), index=True, sort_order=80)


def attachment_tables(operations: Operations) -> None:
    """For the migration that switches attachments on: ``attachments`` and ``attachment_pieces``, guarded like the documents."""
    operations.create_table(
        "attachments",
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("owner", "name", "media_type", "sha256")),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_by", sa.Text()),
        sa.Column("org_path", sa.Text(collation="C")),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attachments"),
    )
    operations.create_index("ix_attachments_owner", "attachments", ["owner_id", "owner", "id"])
    operations.create_table(
        "attachment_pieces",
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C")),
        sa.PrimaryKeyConstraint("attachment_id", "number", name="pk_attachment_pieces"),
    )
    # Pictures are packed already: packing them again costs time and saves nothing.
    operations.execute("ALTER TABLE attachment_pieces ALTER COLUMN content SET STORAGE EXTERNAL")
    for table in ("attachments", "attachment_pieces"):
        operations.create_index(f"ix_{table}_org_path", table, ["org_path"])
        scope_table(operations, table, optional=True)
    append_only(operations, "attachment_pieces")
