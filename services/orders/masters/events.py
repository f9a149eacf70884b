"""Facts about service masters; each carries the whole state of its subject."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from chassis.domain.events import event


@dataclass(frozen=True, slots=True)
class ProductFact:
    code: str
    name: str
    brand: str
    category: str
    warranty_months: int


@event("aftersales.orders.product.created.v1")
@dataclass(frozen=True, slots=True)
class ProductCreated(ProductFact):
    """A product was created."""


@event("aftersales.orders.product.changed.v1")
@dataclass(frozen=True, slots=True)
class ProductChanged(ProductFact):
    """A product changed."""


@dataclass(frozen=True, slots=True)
class SiteFact:
    code: str
    name: str
    org_path: str
    time_zone: str


@event("aftersales.orders.site.created.v1")
@dataclass(frozen=True, slots=True)
class SiteCreated(SiteFact):
    """A site was created."""


@event("aftersales.orders.site.changed.v1")
@dataclass(frozen=True, slots=True)
class SiteChanged(SiteFact):
    """A site changed."""


@dataclass(frozen=True, slots=True)
class TechnicianFact:
    name: str
    site_id: UUID
    username: str | None
    active: bool


@event("aftersales.orders.technician.created.v1")
@dataclass(frozen=True, slots=True)
class TechnicianCreated(TechnicianFact):
    """A technician was created."""


@event("aftersales.orders.technician.changed.v1")
@dataclass(frozen=True, slots=True)
class TechnicianChanged(TechnicianFact):
    """A technician changed."""
