"""Keeping the files of one kind of document. A service names its tables once and calls these from its HTTP functions:

    FILES = Shelf(WorkOrder, Attachment, Piece, limits)

    def attach(uow, work_order_id, body):  return FILES.add(uow, work_order_id, **body)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from chassis.attachments import names, scanner
from chassis.attachments.errors import TooManyFiles
from chassis.attachments.kinds import recognised
from chassis.attachments.tables import PIECE, AttachmentFields
from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from chassis.domain.errors import NotFound, PayloadTooLarge, ValidationFailed
from chassis.http.uploads import Download, Upload
from chassis.http.views import stamps

Document = dict[str, Any]
DELETED = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of one file, and files of one document."""

    size: int
    count: int


class Shelf:
    """Files of the documents of one class. Who may read a document may read its files; ``attached``, ``detached`` and
    ``reattached`` stand in the document's journal, so in its timeline."""

    def __init__(self, owner: Any, rows: Any, pieces: Any, limits: Callable[[UnitOfWork], Limits]) -> None:
        self.owner, self.rows, self.pieces, self.limits = owner, rows, pieces, limits
        self.table: str = owner.__table__.name

    def list(self, uow: UnitOfWork, owner_id: UUID, deleted: bool = False) -> Document:
        """Oldest first; at most as many as the limit of the day each was added allowed. ``deleted``: those that were, instead,
        the last 200 of them."""
        uow.read(self.owner, owner_id)
        rows = self.rows
        if deleted:
            found = uow.find(rows, *self._of(owner_id), rows.deleted_at.is_not(None), order_by=[rows.id.desc()], limit=DELETED)[::-1]
        else:
            found = uow.find(rows, *self._of(owner_id), rows.deleted_at.is_(None), order_by=[rows.id])
        return {"items": [view(row) for row in found]}

    def add(self, uow: UnitOfWork, owner_id: UUID, file: Upload) -> Document:
        """Checks name and content, then keeps the file. The document is locked, so that its files are counted exactly."""
        limits = self.limits(uow)
        if len(file.content) > limits.size:
            raise PayloadTooLarge(limit=limits.size)
        if not file.content:
            raise ValidationFailed.of("file", "too_short")
        document = uow.get(self.owner, owner_id)
        kind = recognised(file.content)
        name = names.checked(file.name, kind)
        scanner.scan(file.content)
        self._has_room(uow, owner_id, limits)
        path = getattr(document, "org_path", None)
        row = self.rows(id=new_id(), owner=self.table, owner_id=owner_id, name=name, media_type=kind.media_type, org_path=path)
        row.size, row.sha256 = len(file.content), hashlib.sha256(file.content).hexdigest()
        uow.add(row)
        for number, start in enumerate(range(0, row.size, PIECE)):
            piece = {"attachment_id": row.id, "number": number, "content": file.content[start : start + PIECE]}
            uow.execute(insert(self.pieces), {**piece, "org_path": path})
        self._note(uow, "attached", row)
        return view(row)

    def read(self, uow: UnitOfWork, owner_id: UUID, attachment_id: UUID) -> Download:
        """The file, as a download. Its bytes are read piece by piece while they are sent, each in a transaction of its own."""
        uow.read(self.owner, owner_id)
        row = self._own(uow, owner_id, attachment_id)
        if row.deleted_at is not None:
            raise NotFound()
        first = self._piece(uow, row.id, 0)
        rest = (row.size - 1) // PIECE

        def content() -> Iterator[bytes]:
            yield first
            for number in range(1, rest + 1):
                with UnitOfWork(uow.engine, uow.principal, read_only=True) as later:
                    yield self._piece(later, row.id, number)

        return Download(row.name, row.media_type, row.size, names.disposition(row.name), content())

    def remove(self, uow: UnitOfWork, owner_id: UUID, attachment_id: UUID) -> Document:
        """Marks it deleted: lists hide it, it cannot be got. A second time changes nothing."""
        uow.read(self.owner, owner_id)
        self._own(uow, owner_id, attachment_id)
        row = uow.get(self.rows, attachment_id)
        if row.deleted_at is None:
            row.deleted_at, row.deleted_by = uow.now, uow.actor
            self._note(uow, "detached", row)
        return view(row)

    def restore(self, uow: UnitOfWork, owner_id: UUID, attachment_id: UUID) -> Document:
        """Takes the mark away (R-04), where the document has room for it. What is not deleted stays as it is."""
        uow.get(self.owner, owner_id)
        self._own(uow, owner_id, attachment_id)
        row = uow.get(self.rows, attachment_id)
        if row.deleted_at is not None:
            self._has_room(uow, owner_id, self.limits(uow))
            row.deleted_at = row.deleted_by = None
            self._note(uow, "reattached", row)
        return view(row)

    def _has_room(self, uow: UnitOfWork, owner_id: UUID, limits: Limits) -> None:
        """The document must be locked."""
        if len(self.list(uow, owner_id)["items"]) >= limits.count:
            raise TooManyFiles(limit=limits.count)

    def _of(self, owner_id: UUID) -> tuple[Any, ...]:
        return self.rows.owner_id == owner_id, self.rows.owner == self.table

    def _own(self, uow: UnitOfWork, owner_id: UUID, attachment_id: UUID) -> AttachmentFields:
        """A file of this very document, deleted ones too."""
        found: AttachmentFields | None = uow.one(self.rows, self.rows.id == attachment_id, *self._of(owner_id))
        if found is None:
            raise NotFound()
        return found

    def _piece(self, uow: UnitOfWork, attachment_id: UUID, number: int) -> bytes:
        pieces = self.pieces
        wanted = select(pieces.content).where(pieces.attachment_id == attachment_id, pieces.number == number)
        found = uow.scalar(wanted)
        if found is None:
            raise RuntimeError(f"piece {number} of attachment {attachment_id} is missing")
        return bytes(found)

    def _note(self, uow: UnitOfWork, action: str, row: AttachmentFields) -> None:
        """A journal row of the document. Its version stays: a photo added meanwhile must not refuse somebody's change."""
        entry = {"entity": self.table, "entity_id": row.owner_id, "org_path": row.org_path, "at": uow.now, "action": action}
        uow.insert_row("journal", {**entry, "actor": uow.actor, "data": {"name": row.name, "attachment_id": str(row.id)}})


def view(row: AttachmentFields) -> Document:
    """As the API shows it."""
    shown = {name: getattr(row, name) for name in ("id", "name", "media_type", "size", "sha256")}
    return {**shown, "deleted": row.deleted_at is not None, **stamps(row)}
