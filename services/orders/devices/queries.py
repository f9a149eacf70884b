"""Lists of devices."""

from __future__ import annotations

from sqlalchemy import select

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from services.orders.devices import views
from services.orders.devices.device import Device, of_serial
from services.orders.kernel import Document

_LISTING = Listing(
    select(Device), default_sort="-created_at", key=Device.id,
    equal=members(Device, "customer_id", "product_id"),
)  # fmt: skip


def search(uow: UnitOfWork, query: ListQuery) -> Document:
    """``serial_number`` matches by its beginning or its last characters."""
    serial = query.filters.get("serial_number")
    where = () if serial is None else (of_serial(serial),)
    return _LISTING.page(uow, query, views.device, *where)
