"""Files of work orders and devices over HTTP."""

from __future__ import annotations

from uuid import UUID

from chassis.attachments import Limits, Shelf
from chassis.db.paging import ListQuery
from chassis.db.uow import UnitOfWork
from chassis.http.uploads import Download
from services.orders.attachments.attachment import Attachment, Piece
from services.orders.devices import Device
from services.orders.kernel import Document
from services.orders.masters import ParameterCopy
from services.orders.repairs import WorkOrder

MEGABYTE = 1024 * 1024
SHIPPED = {"attachment.max_megabytes": 10, "attachment.max_count": 20}
"""What holds until the gateway's parameters have arrived."""


def limits(uow: UnitOfWork) -> Limits:
    known = {row.key: row.value for row in uow.find(ParameterCopy, ParameterCopy.key.in_(list(SHIPPED)))}
    size, count = ({**SHIPPED, **known}[key] for key in SHIPPED)
    return Limits(size * MEGABYTE, count)


ORDERS = Shelf(WorkOrder, Attachment, Piece, limits)
DEVICES = Shelf(Device, Attachment, Piece, limits)


def of_work_order(uow: UnitOfWork, work_order_id: UUID, query: ListQuery) -> Document:
    return ORDERS.list(uow, work_order_id, bool(query.filters.get("deleted")))


def attach_to_work_order(uow: UnitOfWork, work_order_id: UUID, body: Document) -> Document:
    return ORDERS.add(uow, work_order_id, **body)


def from_work_order(uow: UnitOfWork, work_order_id: UUID, attachment_id: UUID) -> Download:
    return ORDERS.read(uow, work_order_id, attachment_id)


def detach_from_work_order(uow: UnitOfWork, work_order_id: UUID, attachment_id: UUID) -> Document:
    return ORDERS.remove(uow, work_order_id, attachment_id)


def reattach_to_work_order(uow: UnitOfWork, work_order_id: UUID, attachment_id: UUID) -> Document:
    return ORDERS.restore(uow, work_order_id, attachment_id)


def of_device(uow: UnitOfWork, device_id: UUID, query: ListQuery) -> Document:
    return DEVICES.list(uow, device_id, bool(query.filters.get("deleted")))


def attach_to_device(uow: UnitOfWork, device_id: UUID, body: Document) -> Document:
    return DEVICES.add(uow, device_id, **body)


def from_device(uow: UnitOfWork, device_id: UUID, attachment_id: UUID) -> Download:
    return DEVICES.read(uow, device_id, attachment_id)


def detach_from_device(uow: UnitOfWork, device_id: UUID, attachment_id: UUID) -> Document:
    return DEVICES.remove(uow, device_id, attachment_id)


def reattach_to_device(uow: UnitOfWork, device_id: UUID, attachment_id: UUID) -> Document:
    return DEVICES.restore(uow, device_id, attachment_id)
