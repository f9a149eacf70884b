"""Masters as the API shows them."""

from __future__ import annotations

from typing import Any

from chassis.http.views import stamps
from services.orders.kernel import Document
from services.orders.masters.directory import DirectoryEntry
from services.orders.masters.product import Product
from services.orders.masters.site import Site
from services.orders.masters.technician import Technician


def product(product: Product) -> Document:
    return _shown(product, "code", "name", "brand", "category", "warranty_months")


def site(site: Site) -> Document:
    return _shown(site, "code", "name", "org_unit_code", "org_path", "time_zone")


def directory_entry(entry: DirectoryEntry) -> Document:
    return {"id": entry.id, "code": entry.code, "name": entry.name}


def technician(technician: Technician) -> Document:
    return _shown(technician, "name", "site_id", "username", "active")


def _shown(master: Any, *names: str) -> Document:
    return {"id": master.id, **{name: getattr(master, name) for name in names}, **stamps(master)}
