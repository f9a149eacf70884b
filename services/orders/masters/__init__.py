"""Service masters: products, sites, technicians, and read copies of other services' masters. The face for other contexts."""

from services.orders.masters.copies import (
    CounterpartyCopy,
    CustomerCopy,
    LabourRateCopy,
    OrgUnitCopy,
    ParameterCopy,
    PartCopy,
    PartyCopy,
    UserCopy,
)
from services.orders.masters.customers import alone, living, owners
from services.orders.masters.directory import SITE, DirectoryEntry
from services.orders.masters.phones import FEWEST_DIGITS, typed_digits
from services.orders.masters.product import Product
from services.orders.masters.site import Site
from services.orders.masters.technician import Technician

__all__ = [
    "FEWEST_DIGITS",
    "SITE",
    "CounterpartyCopy",
    "CustomerCopy",
    "DirectoryEntry",
    "LabourRateCopy",
    "OrgUnitCopy",
    "ParameterCopy",
    "PartCopy",
    "PartyCopy",
    "Product",
    "Site",
    "Technician",
    "UserCopy",
    "alone",
    "living",
    "owners",
    "typed_digits",
]
