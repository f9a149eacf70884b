"""Lists of parts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from chassis.http.paging import ListQuery
from services.inventory.parts import views
from services.inventory.parts.part import Part

SORTS = {"number": Part.number, "name": Part.name, "price": Part.price, "created_at": Part.created_at}


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``number`` exact, ``q`` beginning of the number or of the name."""
    statement = select(Part)
    if number := query.filters.get("number"):
        statement = statement.where(Part.number == number)
    if query.q:
        statement = statement.where(
            Part.number.startswith(query.q, autoescape=True) | Part.name.startswith(query.q, autoescape=True)
        )
    return uow.page(statement, query, sorts=SORTS, default_sort="number", key=Part.id, view=views.part)
