"""Lists of products, sites and technicians. Texts are matched exactly, ``q`` by parts of name or code."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, or_, select

from chassis.db.uow import UnitOfWork
from chassis.http.paging import ListQuery
from services.orders.kernel import Document
from services.orders.masters import views
from services.orders.masters.product import Product
from services.orders.masters.site import Site
from services.orders.masters.technician import Technician


def products(uow: UnitOfWork, query: ListQuery) -> Document:
    wanted = _wanted(Product, query, ("code", "brand", "category"), ("code", "name"))
    names = ("created_at", "code", "name", "brand", "category")
    sorts = {name: getattr(Product, name) for name in names}
    return uow.page(
        wanted, query, sorts=sorts, default_sort="-created_at", key=Product.id, view=views.product
    )


def sites(uow: UnitOfWork, query: ListQuery) -> Document:
    wanted = _wanted(Site, query, ("code", "name", "org_unit_code"), ("code", "name"))
    sorts = {"created_at": Site.created_at, "code": Site.code, "name": Site.name}
    return uow.page(wanted, query, sorts=sorts, default_sort="-created_at", key=Site.id, view=views.site)


def technicians(uow: UnitOfWork, query: ListQuery) -> Document:
    wanted = _wanted(Technician, query, ("site_id", "username", "active"), ("name",))
    sorts = {"created_at": Technician.created_at, "name": Technician.name}
    return uow.page(
        wanted, query, sorts=sorts, default_sort="-created_at", key=Technician.id, view=views.technician
    )


def _wanted(cls: Any, query: ListQuery, equal: tuple[str, ...], fuzzy: tuple[str, ...]) -> Select[Any]:
    wanted = select(cls).where(
        *(getattr(cls, name) == query.filters[name] for name in equal if name in query.filters)
    )
    if query.q:
        wanted = wanted.where(
            or_(*(getattr(cls, name).icontains(query.q, autoescape=True) for name in fuzzy))
        )
    return wanted
