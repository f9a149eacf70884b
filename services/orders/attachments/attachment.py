"""Attachment (附件, R-13): a file of a work order, scoped like it, or of a device, company-wide like it."""

from __future__ import annotations

from chassis.attachments import AttachmentFields, PieceFields
from chassis.db.base import Base


class Attachment(Base, AttachmentFields):
    __tablename__ = "attachments"


class Piece(Base, PieceFields):
    __tablename__ = "attachment_pieces"
