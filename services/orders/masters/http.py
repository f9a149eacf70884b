"""Masters over HTTP."""

from __future__ import annotations

from uuid import UUID

from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from services.orders.kernel import Document
from services.orders.masters import queries, usecases, views
from services.orders.masters.product import Product
from services.orders.masters.site import Site
from services.orders.masters.technician import Technician


def create_product(uow: UnitOfWork, body: Document) -> Document:
    return views.product(usecases.create_product(uow, **body))


def get_product(uow: UnitOfWork, product_id: UUID) -> Document:
    return views.product(uow.read(Product, product_id))


def update_product(uow: UnitOfWork, product_id: UUID, body: Document) -> Document:
    return views.product(usecases.change_product(uow, product_id, **body))


def search_products(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.products(uow, query)


def create_site(uow: UnitOfWork, body: Document) -> Document:
    return views.site(usecases.create_site(uow, **body))


def get_site(uow: UnitOfWork, site_id: UUID) -> Document:
    return views.site(uow.read(Site, site_id))


def update_site(uow: UnitOfWork, site_id: UUID, body: Document) -> Document:
    return views.site(usecases.change_site(uow, site_id, **body))


def search_sites(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.sites(uow, query)


def search_directory(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.directory(uow, query)


def get_directory_entry(uow: UnitOfWork, site_id: UUID) -> Document:
    return views.directory_entry(queries.directory_entry(uow, site_id))


def create_technician(uow: UnitOfWork, body: Document) -> Document:
    return views.technician(usecases.create_technician(uow, **body))


def get_technician(uow: UnitOfWork, technician_id: UUID) -> Document:
    return views.technician(uow.read(Technician, technician_id))


def update_technician(uow: UnitOfWork, technician_id: UUID, body: Document) -> Document:
    return views.technician(usecases.change_technician(uow, technician_id, **body))


def search_technicians(uow: UnitOfWork, query: ListQuery) -> Document:
    return queries.technicians(uow, query)
