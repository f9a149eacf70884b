"""Lists of products, sites and technicians. Codes are matched however they are written, other texts exactly, ``q`` by parts of
name or code."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from chassis.db.folded import contains
from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import NotFound
from services.orders.kernel import Document
from services.orders.masters import views
from services.orders.masters.directory import SITE, DirectoryEntry
from services.orders.masters.product import Product
from services.orders.masters.site import Site
from services.orders.masters.technician import Technician

_PRODUCTS = Listing(
    select(Product), default_sort="-created_at",
    key=Product.id, equal={**members(Product, "brand", "category"), "code": Product.code_key},
)  # fmt: skip
_SITES = Listing(
    select(Site), default_sort="-created_at", key=Site.id,
    equal={"code": Site.code_key, "name": Site.name, "org_unit_code": Site.org_unit_key},
)  # fmt: skip
_TECHNICIANS = Listing(
    select(Technician), default_sort="-created_at", key=Technician.id,
    equal=members(Technician, "site_id", "username", "active"),
)  # fmt: skip

_DIRECTORY = Listing(
    select(DirectoryEntry).where(DirectoryEntry.kind == SITE, DirectoryEntry.active.is_(True)), default_sort="code", key=DirectoryEntry.id,
)  # fmt: skip


def products(uow: UnitOfWork, query: ListQuery) -> Document:
    return _PRODUCTS.page(uow, query, views.product, *contains(Product.search_key, query.q))


def sites(uow: UnitOfWork, query: ListQuery) -> Document:
    return _SITES.page(uow, query, views.site, *contains(Site.search_key, query.q))


def technicians(uow: UnitOfWork, query: ListQuery) -> Document:
    return _TECHNICIANS.page(uow, query, views.technician, *contains(Technician.search_key, query.q))


def directory(uow: UnitOfWork, query: ListQuery) -> Document:
    """Active sites of the company."""
    return _DIRECTORY.page(uow, query, views.directory_entry, *contains(DirectoryEntry.search_key, query.q))


def directory_entry(uow: UnitOfWork, site_id: UUID) -> DirectoryEntry:
    """Any site, also one that is closed. NotFound."""
    entry = uow.one(DirectoryEntry, id=site_id, kind=SITE)
    if entry is None:
        raise NotFound()
    return entry
