"""A user's own notices."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from gateway.notices import views
from gateway.notices.notice import Notice

_NOTICES = Listing(
    select(Notice), default_sort="-created_at", key=Notice.id,
    equal={**members(Notice, "kind"), "unread": Notice.read_at.is_(None)},
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery, language: str) -> dict[str, Any]:
    """The newest first."""
    own = Notice.recipient == uow.principal.username
    return _NOTICES.page(uow, query, lambda found: views.notice(found, language), own)


def own(uow: UnitOfWork, notice_id: uuid.UUID, lock: bool = False) -> Notice:
    """Somebody else's is NotFound."""
    found = uow.one(Notice, id=notice_id, recipient=uow.principal.username, lock=lock)
    if found is None:
        raise NotFound()
    return found
