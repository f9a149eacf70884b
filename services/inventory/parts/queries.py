"""Lists of parts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chassis.db.folded import holds
from chassis.db.uow import UnitOfWork
from chassis.http.paging import Listing, ListQuery
from services.inventory.parts import views
from services.inventory.parts.part import Part

_LISTING = Listing(
    select(Part), default_sort="number", key=Part.id,
    equal={"number": Part.number_key},
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``number`` however it is written, ``q`` a part of the number or of the name."""
    return _LISTING.page(uow, query, views.part, *holds(Part.search_key, query.q))
