"""Lists of hand-over slips."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from chassis.db.folded import begins_with
from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from chassis.domain import folding
from services.orders.kernel import Document
from services.orders.masters import DirectoryEntry, Product
from services.orders.routes import views
from services.orders.routes.slip import HandOverSlip

_LISTING = Listing(
    select(HandOverSlip), default_sort="-created_at", key=HandOverSlip.id,
    equal=members(HandOverSlip, "state", "work_order_id", "from_site_id", "to_site_id"),
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> Document:
    """``q``: the beginning of the slip's number."""
    where = [begins_with(HandOverSlip.number, folding.words(query.q).upper())] if query.q else []
    page = _LISTING.page(uow, query, lambda slip: {"slip": slip}, *where)
    page["items"] = shown(uow, [item["slip"] for item in page["items"]])
    return page


def shown(uow: UnitOfWork, slips: Sequence[HandOverSlip]) -> list[Document]:
    """Whole documents."""
    sites = {site for slip in slips for site in (slip.from_site_id, slip.to_site_id)}
    products = {slip.product_id for slip in slips if slip.product_id}
    names = {one.id: one.name for one in uow.find(DirectoryEntry, id=list(sites))} if sites else {}
    names |= {one.id: one.name for one in uow.find(Product, id=list(products))} if products else {}
    return [views.slip(slip, names, uow.principal) for slip in slips]
