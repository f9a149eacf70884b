"""Lists of products, sites and technicians. Texts are matched exactly, ``q`` by parts of name or code."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, or_, select

from chassis.db.uow import UnitOfWork
from chassis.http.paging import Listing, ListQuery, members
from services.orders.kernel import Document
from services.orders.masters import views
from services.orders.masters.product import Product
from services.orders.masters.site import Site
from services.orders.masters.technician import Technician

_PRODUCTS = Listing(
    select(Product), default_sort="-created_at",
    key=Product.id, equal=members(Product, "code", "brand", "category"),
)  # fmt: skip
_SITES = Listing(
    select(Site), default_sort="-created_at", key=Site.id,
    equal=members(Site, "code", "name", "org_unit_code"),
)  # fmt: skip
_TECHNICIANS = Listing(
    select(Technician), default_sort="-created_at", key=Technician.id,
    equal=members(Technician, "site_id", "username", "active"),
)  # fmt: skip


def products(uow: UnitOfWork, query: ListQuery) -> Document:
    return _PRODUCTS.page(uow, query, views.product, *_holding(query.q, Product.code, Product.name))


def sites(uow: UnitOfWork, query: ListQuery) -> Document:
    return _SITES.page(uow, query, views.site, *_holding(query.q, Site.code, Site.name))


def technicians(uow: UnitOfWork, query: ListQuery) -> Document:
    return _TECHNICIANS.page(uow, query, views.technician, *_holding(query.q, Technician.name))


def _holding(q: str | None, *columns: Any) -> list[ColumnElement[bool]]:
    return [or_(*(column.icontains(q, autoescape=True) for column in columns))] if q else []
