"""Lists of devices."""

from __future__ import annotations

from sqlalchemy import select

from chassis.db.prefix import begins_with
from chassis.db.uow import UnitOfWork
from chassis.http.paging import ListQuery
from services.orders.devices import views
from services.orders.devices.device import Device
from services.orders.kernel import Document, compact

SORTS = {"created_at": Device.created_at}
EQUAL = ("customer_id", "product_id")


def search(uow: UnitOfWork, query: ListQuery) -> Document:
    """``serial_number`` matches by prefix, blanks and dashes ignored."""
    wanted = select(Device).where(
        *(getattr(Device, name) == query.filters[name] for name in EQUAL if name in query.filters)
    )
    if "serial_number" in query.filters:
        wanted = wanted.where(begins_with(Device.serial_key, compact(query.filters["serial_number"])))
    return uow.page(wanted, query, sorts=SORTS, default_sort="-created_at", key=Device.id, view=views.device)
