"""Lists of hand-over slips."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.db.folded import begins_with
from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from chassis.domain import folding
from services.orders.kernel import Document
from services.orders.masters import DirectoryEntry, Product
from services.orders.routes import views
from services.orders.routes.slip import HandOverSlip, ends


def _name(of: Any, key: Any, id: Any) -> Any:
    return select(of.name).where(key == id).scalar_subquery()


_WHOLE = select(
    *HandOverSlip.__table__.columns,
    *(_name(DirectoryEntry, DirectoryEntry.id, getattr(HandOverSlip, f"{end}_id")).label(f"{end}_name") for end in ("from_site", "to_site")),
    _name(Product, Product.id, HandOverSlip.product_id).label("product_name"),
)
_MEMBERS = tuple(_WHOLE.selected_columns.keys())
_LISTING = Listing(
    _WHOLE, default_sort="-created_at", key=HandOverSlip.id, equal=members(HandOverSlip, "state", "work_order_id", "from_site_id", "to_site_id"),
)  # fmt: skip


class _Slip(SimpleNamespace):
    """A row, of which actions are told as of the aggregate."""

    sides = ends


def search(uow: UnitOfWork, query: ListQuery) -> Document:
    """``q``: the beginning of the slip's number."""
    where = [begins_with(HandOverSlip.number, folding.words(query.q).upper())] if query.q else []
    return _LISTING.page(uow, query, lambda row: _view(uow, row), *where)


def document(uow: UnitOfWork, slip_id: UUID) -> Document:
    """The slip as it stands after what this transaction has done."""
    uow.flush()
    return _view(uow, uow.rows(_WHOLE.where(HandOverSlip.id == slip_id))[0])


def _view(uow: UnitOfWork, row: Any) -> Document:
    return views.slip(_Slip(**dict(zip(_MEMBERS, row, strict=False))), uow.principal)
