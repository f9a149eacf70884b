"""Lists of revisit tasks. Row-level security keeps them inside the caller's scope."""

from typing import Any

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery, beginnings, members
from chassis.db.uow import UnitOfWork
from services.callcenter.revisits import views
from services.callcenter.revisits.revisit import Revisit

_LISTING = Listing(
    select(Revisit), sorts=beginnings(Revisit, "comment"), default_sort="due_on", key=Revisit.id, equal=members(Revisit, "work_order_id", "state", "site_id", "customer_id"),
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """Oldest due first. ``due_by`` leaves out what is due later."""
    where = [Revisit.due_on <= query.filters["due_by"]] if "due_by" in query.filters else []
    return _LISTING.page(uow, query, lambda revisit: views.revisit(revisit, uow.principal), *where)
