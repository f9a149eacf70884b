"""Lists of parts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from chassis.http.paging import Listing, ListQuery, members
from services.inventory.parts import views
from services.inventory.parts.part import Part

_LISTING = Listing(
    select(Part), default_sort="number", key=Part.id,
    equal=members(Part, "number"),
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``number`` exact, ``q`` beginning of the number or of the name."""
    where = []
    if query.q:
        where.append(Part.number.startswith(query.q, autoescape=True) | Part.name.startswith(query.q, autoescape=True))
    return _LISTING.page(uow, query, views.part, *where)
