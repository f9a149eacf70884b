"""Lists of parts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chassis.db.folded import begin
from chassis.db.paging import Listing, ListQuery
from chassis.db.uow import UnitOfWork
from services.inventory.parts import views
from services.inventory.parts.part import Part

_LISTING = Listing(
    select(Part), default_sort="number", key=Part.id,
    equal={"number": Part.number_key},
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``number`` however it is written, ``q`` beginning of the number or of the name."""
    return _LISTING.page(uow, query, views.part, *begin(query.q, Part.number_words, Part.name_words))
