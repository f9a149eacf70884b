"""Lists of revisit tasks. Row-level security keeps them inside the caller's scope."""

from typing import Any

from sqlalchemy import select

from chassis.db.uow import UnitOfWork
from chassis.http.paging import ListQuery
from services.callcenter.revisits import views
from services.callcenter.revisits.revisit import Revisit

SORTS = {
    "created_at": Revisit.created_at,
    "due_on": Revisit.due_on,
    "completed_on": Revisit.completed_on,
    "state": Revisit.state,
    "work_order_number": Revisit.work_order_number,
}


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """Oldest due first. ``due_by`` leaves out what is due later."""
    statement = select(Revisit)
    for name, value in query.filters.items():
        statement = statement.where(
            Revisit.due_on <= value if name == "due_by" else getattr(Revisit, name) == value
        )
    return uow.page(
        statement,
        query,
        sorts=SORTS,
        default_sort="due_on",
        key=Revisit.id,
        view=lambda revisit: views.revisit(revisit, uow.principal),
    )
