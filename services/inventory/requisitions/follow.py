"""Inventory follows the order (contracts/README.md): what was needed, reserved or out is made equal to what the newest
state of the work order asks for. Older states are ignored, so any order and number of deliveries ends the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, Retry
from services.inventory.kernel import NONE, quantity
from services.inventory.requisitions.demand import Demand
from services.inventory.requisitions.loading import of_order, serve, store_for
from services.inventory.requisitions.requisition import Requisition
from services.inventory.requisitions.sheet import Sheet
from services.inventory.requisitions.supply import Supply
from services.inventory.stock import Quality, SiteCopy, lock_site

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
    demand = of_order(uow, order.id) or _first(uow, site, order)
    supply = demand.supply
    assert supply is not None
    if order.sequence <= supply.sequence:
        return
    coming: dict[UUID, list[str]] = {}
    for id, part_id, _, _, numbers in order.returns:
        if numbers and id not in supply.posted_returns:
            coming[part_id] = [*coming.get(part_id, ()), *numbers]
    store = store_for(uow, site, demand, order.part_ids, coming)
    _note(demand, supply, order)
    for returned in order.returns:
        demand.post_return(store, *returned)
    if order.cancelled:
        demand.void()
    demand.divide(order.needed)
    for sheet in demand:
        sheet.release(store)
    if order.cancelled or (order.approved_version is not None and not order.cancelling):
        for sheet in demand.drawing:
            sheet.take_back(store)  # what a cancel finds out stays out until it is returned; before the customer agreed to a new quote what is built in stays built in
    serve(uow, store, demand, actions=dict.fromkeys(demand.sheets, "follow"))


def _note(demand: Demand, supply: Supply, order: Order) -> None:
    """What the order says of itself, on its supply row and on the requisitions that draw on its quote."""
    supply.sequence, supply.work_order_number, supply.repaired = order.sequence, order.number, order.repaired
    supply.quote_version, supply.promised_at = order.approved_version, order.promised_at
    supply.cancelled = order.cancelling or order.cancelled
    if order.cancelling:
        supply.announced = None  # it is asked, so it answers, also where that is nothing new
    planned = demand.planned.requisition
    if order.technician_id != supply.technician_id:  # or the recipient that the storekeeper named stays
        supply.technician_id = planned.technician_id = order.technician_id
    planned.cancelled = supply.cancelled
    for sheet in demand:
        requisition = sheet.requisition
        requisition.work_order_number = order.number
        if requisition.draws:
            requisition.quote_version, requisition.promised_at = order.approved_version, order.promised_at


def _first(uow: UnitOfWork, site: SiteCopy, order: Order) -> Demand:
    """This is the first we hear of it."""
    supply = Supply(
        work_order_id=order.id,
        work_order_number=order.number,
        site_id=site.id,
        org_path=site.org_path,
        technician_id=None,
        sequence=0,
        quote_version=None,
        repaired=False,
        cancelled=False,
        promised_at=None,
        posted_returns=[],
        announced=None,
    )
    planned = Requisition.blank(site, supply, planned=True)
    supply.id = planned.id
    uow.add(supply)
    uow.add(planned)
    return Demand(supply, [Sheet(planned)])
