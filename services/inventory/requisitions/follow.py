"""Inventory follows the order (contracts/README.md): what was needed, reserved or out is made equal to what the newest
state of the work order asks for. Older states are ignored, so any order and number of deliveries ends the same way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, all_, any_, bindparam, select

from chassis.db.statements import Fixed, several
from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from chassis.domain.events import Event, Retry
from services.inventory.kernel import NONE, quantity
from services.inventory.requisitions.requisition import Allocation, Requisition, RequisitionLine, State
from services.inventory.requisitions.sheet import Sheet
from services.inventory.stock import Quality, SiteCopy, Store, load_pieces, lock_site, open_store, save

LAST = datetime.max.replace(tzinfo=UTC)
_SHORT = Fixed(
    select(RequisitionLine).where(
        RequisitionLine.site_id == bindparam("site_id"),
        RequisitionLine.part_id == any_(several("part_ids", Uuid())),
        RequisitionLine.short > 0,
        RequisitionLine.requisition_id != all_(several("known", Uuid())),
    )
)


READS = (
    "number", "site_id", "state", "approved_version", "repaired", "promised_at", "technician_id", "needed", "returns",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """What inventory reads of a work order event. Of its states only ``cancelling`` and ``cancelled`` make a difference here; any
    other, also one that is added, is an order whose ``needed`` says it all."""

    id: UUID
    number: str
    site_id: UUID
    sequence: int
    cancelling: bool
    cancelled: bool
    approved_version: int | None
    repaired: bool
    promised_at: datetime | None
    technician_id: UUID | None
    needed: Mapping[UUID, Decimal]
    returns: tuple[tuple[str, UUID, Decimal, Quality, list[str]], ...]

    @classmethod
    def of(cls, event: Event) -> Order:
        data: Mapping[str, Any] = event.data
        needed: dict[UUID, Decimal] = {}
        for line in data["needed"]:
            part_id = UUID(line["part_id"])
            needed[part_id] = needed.get(part_id, NONE) + quantity(line["quantity"])
        promised, technician = data["promised_at"], data["technician_id"]
        return cls(
            id=event.subject,
            number=data["number"],
            site_id=UUID(data["site_id"]),
            sequence=event.sequence,
            cancelling=data["state"] == "cancelling",
            cancelled=data["state"] == "cancelled",
            approved_version=data["approved_version"],
            repaired=data["repaired"],
            promised_at=None if promised is None else datetime.fromisoformat(promised),
            technician_id=None if technician is None else UUID(technician),
            needed=needed,
            returns=tuple(
                (item["id"], UUID(item["part_id"]), quantity(item["quantity"]), Quality(item["quality"]), item.get("serial_numbers", []))
                for item in data["returns"]
            ),
        )

    @property
    def part_ids(self) -> set[UUID]:
        return {*self.needed, *(part_id for _, part_id, *_ in self.returns)}


def follow(uow: UnitOfWork, order: Order) -> None:
    """Make our world equal to the order's, and let others have what became free. Raises Retry while the site is unknown."""
    site = lock_site(uow, order.site_id)
    if site is None:
        raise Retry(f"site {order.site_id} is not known yet")
    sheet = _sheet_of(uow, site, order)
    requisition = sheet.requisition
    if order.sequence <= requisition.sequence:
        return
    store = open_store(uow, site, {*order.part_ids, *sheet.lines}, requisition.id)
    coming: dict[UUID, list[str]] = {}
    for id, part_id, _, _, numbers in order.returns:
        if numbers and id not in requisition.posted_returns:
            coming[part_id] = [*coming.get(part_id, ()), *numbers]
    if coming or any(line.serial_numbers for line in sheet.lines.values()):
        load_pieces(uow, store, coming, order.id)
    requisition.sequence, requisition.work_order_number = order.sequence, order.number
    requisition.quote_version, requisition.repaired = order.approved_version, order.repaired
    requisition.promised_at, requisition.technician_id = order.promised_at, order.technician_id
    requisition.cancelled = order.cancelling or order.cancelled
    if order.cancelling:
        requisition.announced = None  # it is asked, so it answers, also where that is nothing new
    sheet.need(order.needed)
    for returned in order.returns:
        sheet.post_return(store, *returned)
    sheet.release(store)
    if order.cancelled or (order.approved_version is not None and not order.cancelling):
        sheet.take_back(store)  # what a cancel finds out stays out until it is returned; before the customer agreed to a new quote what is built in stays built in
    serve(uow, store, sheet, action="follow")


def serve(uow: UnitOfWork, store: Store, *sheets: Sheet, action: str = "serve") -> None:
    """Hand free stock to whoever waits for it, oldest promise first (I-60); what is to be out leaves at once. Saves the
    store and all requisitions touched, each of which announces its new state."""
    touched = {sheet.requisition.id: sheet for sheet in sheets}
    free = {part_id: amount for part_id in store.part_ids() if (amount := store.free(part_id)) > 0}
    waiting = [line for sheet in sheets for line in sheet.lines.values() if line.missing]
    winners = list(in_turn([*waiting, *_shortages(uow, store.site, free, touched)], free))
    others = {line.requisition_id for line in winners} - touched.keys()
    touched |= load(uow, id=others) if others else {}
    for line in winners:
        touched[line.requisition_id].reserve(store, line.part_id)
    for sheet in touched.values():
        if sheet.requisition.repaired:
            sheet.issue(store)
        sheet.conclude(action if sheet in sheets else "serve", uow.actor, uow.now)
    save(uow, store)
    for sheet in touched.values():
        uow.add_all(sheet.added)


def in_turn(waiting: Iterable[RequisitionLine], free: Mapping[UUID, Decimal]) -> Iterator[RequisitionLine]:
    """Lines that get something of the free stock, oldest promise first; of equal promises the older requisition."""
    left = dict(free)
    for line in sorted(waiting, key=lambda line: (line.promised_at or LAST, line.requisition_id)):
        if left.get(line.part_id, NONE) > 0:
            left[line.part_id] -= min(line.missing, left[line.part_id])
            yield line


def load(uow: UnitOfWork, **members: Any) -> dict[UUID, Sheet]:
    """Requisitions that have these members, with lines and allocations, locked (their site is locked already)."""
    heads = uow.find(Requisition, order_by=("id",), lock=True, **members)
    if not heads:
        return {}
    ids = [head.id for head in heads]
    lines, held = defaultdict(list), defaultdict(list)
    for line in uow.find(RequisitionLine, requisition_id=ids):
        lines[line.requisition_id].append(line)
    for each in uow.find(Allocation, requisition_id=ids):
        held[each.requisition_id].append(each)
    return {head.id: Sheet(head, lines[head.id], held[head.id]) for head in heads}


def _sheet_of(uow: UnitOfWork, site: SiteCopy, order: Order) -> Sheet:
    """The order's requisition, made when this is the first we hear of it."""
    for sheet in load(uow, work_order_id=order.id).values():
        return sheet
    requisition = Requisition(
        id=new_id(),
        work_order_id=order.id,
        work_order_number=order.number,
        site_id=site.id,
        org_path=site.org_path,
        technician_id=None,
        state=State.DRAFT,
        sequence=0,
        quote_version=None,
        repaired=False,
        cancelled=False,
        promised_at=None,
        posted_returns=[],
        announced=None,
    )
    uow.add(requisition)
    return Sheet(requisition)


def _shortages(
    uow: UnitOfWork, site: SiteCopy, part_ids: Iterable[UUID], known: Iterable[UUID]
) -> list[RequisitionLine]:
    """Open shortages of these parts at the site, of requisitions other than the known ones."""
    wanted = list(part_ids)
    if not wanted:
        return []
    given = {"site_id": site.id, "part_ids": wanted, "known": list(known)}
    return list(uow.instances(RequisitionLine, uow.rows(_SHORT, given)))
