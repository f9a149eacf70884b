"""Attachments (附件, R-13): files that any document may take, recognised by their content, kept in the service's database."""

from chassis.attachments.shelf import Limits, Shelf
from chassis.attachments.tables import AttachmentFields, PieceFields, attachment_tables

__all__ = ["AttachmentFields", "Limits", "PieceFields", "Shelf", "attachment_tables"]
