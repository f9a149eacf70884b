"""Creating and changing products, sites and technicians (O-01)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from chassis.db import scopes
from chassis.db.folded import begins_with
from chassis.db.uow import UnitOfWork
from chassis.domain.errors import UnknownReference, ValidationFailed
from chassis.domain.moments import DEFAULT_ZONE, is_zone
from services.orders.kernel import own
from services.orders.masters.copies import OrgUnitCopy, UserCopy
from services.orders.masters.product import Product
from services.orders.masters.site import Site
from services.orders.masters.technician import SERIALS, Technician


def create_product(uow: UnitOfWork, **fields: Any) -> Product:
    product = Product.create(**fields)
    uow.add(product)
    return product


def change_product(uow: UnitOfWork, product_id: UUID, **fields: Any) -> Product:
    """A new warranty term holds for devices registered from now on."""
    product = uow.get(Product, product_id)
    product.change(**fields)
    return product


def create_site(
    uow: UnitOfWork, code: str, name: str, org_unit_code: str, time_zone: str = DEFAULT_ZONE
) -> Site:
    """``org_unit_code`` names an org unit of kind site within the caller's scope."""
    _check_zone(time_zone)
    unit = uow.one(OrgUnitCopy, code_key=org_unit_code)
    if unit is None or unit.deleted or unit.kind != "site" or not unit.path.startswith(uow.principal.scope):
        # Elsewhere looks like nowhere, in the time it takes too.
        raise UnknownReference("org_unit_code").waiting()
    site = Site.create(
        code=code, name=name, org_unit_code=unit.code, org_path=unit.path, time_zone=time_zone
    )
    uow.add(site)
    return site


def change_site(uow: UnitOfWork, site_id: UUID, **fields: Any) -> Site:
    site = uow.get(Site, site_id)
    if "time_zone" in fields:
        _check_zone(fields["time_zone"])
    site.change(**fields)
    return site


def follow_unit(uow: UnitOfWork, unit_id: UUID, sequence: int, former: str, current: str) -> None:
    """A unit moved in the organisation tree: its sites, and with them all documents, are seen from its new place (G-11)."""
    current, sequence = scopes.whereabouts(uow, unit_id, sequence, current)
    for site in uow.find(Site, begins_with(Site.org_path, former), lock=True):
        site.move(current + site.org_path.removeprefix(former))
    scopes.follow(uow, unit_id, sequence, former, current)


def create_technician(uow: UnitOfWork, name: str, site_id: str, username: str | None = None) -> Technician:
    site = own(uow, Site, site_id, "site_id")
    _check_user(uow, username)
    serial = uow.scalar(select(SERIALS.next_value()))
    technician = Technician.create(
        name=name, site_id=site.id, org_path=site.org_path, username=username, serial=serial
    )
    uow.add(technician)
    return technician


def change_technician(uow: UnitOfWork, technician_id: UUID, **fields: Any) -> Technician:
    technician = uow.get(Technician, technician_id)
    _check_user(uow, fields.get("username"))
    technician.change(**fields)
    return technician


def _check_zone(name: str) -> None:
    if not is_zone(name):
        raise ValidationFailed.of("time_zone", "not_allowed")


def _check_user(uow: UnitOfWork, username: str | None) -> None:
    """Whoever is elsewhere looks like nobody, in the time it takes too: names of other units are not to be guessed."""
    if username is None:
        return
    user = uow.one(UserCopy, username=username)
    if user is None or not (user.home_path is None or user.home_path.startswith(uow.principal.scope)):
        raise UnknownReference("username").waiting()
