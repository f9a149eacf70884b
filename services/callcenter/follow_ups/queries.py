"""Lists of follow-ups. Row-level security keeps them inside the caller's scope."""

from typing import Any

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery, beginnings, members
from chassis.db.uow import UnitOfWork
from services.callcenter.follow_ups import views
from services.callcenter.follow_ups.follow_up import FollowUp

_LISTING = Listing(
    select(FollowUp), sorts=beginnings(FollowUp, "comment", "reason"), default_sort="created_at",
    key=FollowUp.id, equal=members(FollowUp, "work_order_id", "state", "site_id", "customer_id"),
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """Oldest first: who has waited longest is next."""
    return _LISTING.page(uow, query, lambda found: views.follow_up(found, uow.principal))
