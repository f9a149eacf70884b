"""Lists of requisitions and the shortage sheet (I-60)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal, or_, select

from chassis.db.paging import Listing, ListQuery, members
from chassis.db.uow import UnitOfWork
from services.inventory.parts import Part
from services.inventory.requisitions import views
from services.inventory.requisitions.requisition import Requisition, RequisitionLine
from services.inventory.stock import movements_of

_LISTING = Listing(
    select(Requisition), default_sort="-created_at", key=Requisition.id, equal=members(Requisition, "number", "type", "work_order_id", "work_order_number", "site_id", "technician_id", "state"),
)  # fmt: skip
# A line that is short has both times; the fallback only keeps paging's promise of a value.
PROMISED = func.coalesce(RequisitionLine.promised_at, RequisitionLine.short_since)
SHORTAGE_SORTS = {
    "promised_at": PROMISED,
}


def search(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    page = _LISTING.page(uow, query, lambda requisition: {"head": requisition})
    page["items"] = shown(uow, [item["head"] for item in page["items"]])
    return page


def shown(uow: UnitOfWork, requisitions: Sequence[Requisition]) -> list[dict[str, Any]]:
    """Whole documents, with their lines and the movements made for them."""
    ids = [requisition.id for requisition in requisitions]
    lines, moved = lines_of(uow, ids), movements_of(uow, ids)
    return [views.requisition(each, lines.get(each.id, []), moved.get(each.id, []), uow.principal) for each in requisitions]


def lines_of(uow: UnitOfWork, requisition_ids: Iterable[UUID]) -> dict[UUID, list[Any]]:
    """Lines that mean something, with their parts, by requisition."""
    ids = list(requisition_ids)
    lines: dict[UUID, list[Any]] = {}
    statement = (
        select(*RequisitionLine.__table__.columns)
        .add_columns(Part.number.label("part_number"), Part.name.label("part_name"), Part.unit)
        .join(Part, Part.id == RequisitionLine.part_id)
        .where(RequisitionLine.requisition_id.in_(ids))
        .where(or_(*(getattr(RequisitionLine, name) > 0 for name in ("needed", "asked", "issued", "held"))))
        .order_by(Part.number)
    )
    for row in uow.rows(statement) if ids else ():
        lines.setdefault(row.requisition_id, []).append(row)
    return lines


def shortages(uow: UnitOfWork, query: ListQuery) -> dict[str, Any]:
    """What is missing now, oldest promise first."""
    statement = (
        select(
            RequisitionLine.id,
            RequisitionLine.requisition_id,
            RequisitionLine.site_id,
            RequisitionLine.part_id,
        )
        .add_columns(RequisitionLine.needed, RequisitionLine.short, RequisitionLine.promised_at)
        .add_columns(
            RequisitionLine.short_since, (literal(uow.now) - RequisitionLine.short_since).label("age")
        )
        .add_columns(Requisition.number.label("requisition_number"), Requisition.work_order_id, Requisition.work_order_number)
        .add_columns(Part.number.label("part_number"), Part.name.label("part_name"))
        .join(Requisition, Requisition.id == RequisitionLine.requisition_id)
        .join(Part, Part.id == RequisitionLine.part_id)
        .where(RequisitionLine.short_since.is_not(None))  # as short > 0, but PostgreSQL knows how few they are
    )
    listing = Listing(
        statement,
        sorts=SHORTAGE_SORTS,
        default_sort="promised_at",
        key=RequisitionLine.id,
        equal={**members(RequisitionLine, "site_id", "part_id"), "work_order_id": Requisition.work_order_id},
        written=False,  # the age of a line is part of the statement
    )
    return listing.page(uow, query, views.shortage)
