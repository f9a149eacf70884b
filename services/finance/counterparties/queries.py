"""Lists of counterparties."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from chassis.db.folded import begin
from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from services.finance.counterparties import views
from services.finance.counterparties.counterparty import Counterparty

_LISTING = Listing(
    select(Counterparty), default_sort="code", key=Counterparty.id,
    equal={**members(Counterparty, "kind", "active"), "code": Counterparty.code_key},
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """``code`` however it is written, ``q`` beginning of the name."""
    return _LISTING.page(uow, query, views.counterparty, *begin(query.q, Counterparty.name_words))
