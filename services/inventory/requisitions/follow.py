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
from services.inventory.stock import Quality, SiteCopy, lock_sites, open_store

READS = (
    "number", "site_id", "held_site_id", "bound_site_id", "state", "approved_version", "repaired", "promised_at", "technician_id", "needed", "returns",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """What inventory reads of a work order event. Of its states only ``cancelling`` and ``cancelled`` make a difference here; any
    other, also one that is added, is an order whose ``needed`` says it all."""

    id: UUID
    number: str
    site_id: UUID
    place: UUID
    """The site that has its device; ``bound``: the one that shall receive it, while it is on the road."""
    bound: UUID | None
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
        held, bound = data.get("held_site_id"), data.get("bound_site_id")  # older facts say nothing of it
        return cls(
            id=event.subject,
            number=data["number"],
            site_id=UUID(data["site_id"]),
            place=UUID(held or data["site_id"]),
            bound=None if bound is None else UUID(bound),
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
    """Make our world equal to the order's, and let others have what became free. Raises Retry while a site is unknown, or where the order's
    device went to another one meanwhile."""
    seen = uow.one(Supply, work_order_id=order.id)
    if seen is not None and order.sequence <= seen.sequence:
        return
    # Its own site's lock too: two first facts that name different holders meet there.
    sites = lock_sites(uow, {order.site_id, order.place, seen.place if seen else order.place})
    bound = uow.one(SiteCopy, id=order.bound) if order.bound else None
    if unknown := {order.site_id, order.place, order.bound} - {None, *sites, bound and bound.id}:
        raise Retry(f"sites {unknown} are not known yet")
    demand = of_order(uow, order.id) or _first(uow, sites[order.site_id], order)
    supply = demand.supply
    assert supply is not None
    if order.sequence <= supply.sequence:
        return
    if supply.place not in sites:
        raise Retry(f"work order {order.number} went to another site meanwhile")
    site = sites[order.place]
    if supply.place != site.id:
        _leave(uow, sites[supply.place], demand, site)
    demand.stand(site, bound)
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


def _leave(uow: UnitOfWork, former: SiteCopy, demand: Demand, site: SiteCopy) -> None:
    """The device went from one site to another: nothing is kept for it in the former's store any more, which others get who wait there.
    What was issued there stays issued, and comes back where the device is (O-101)."""
    store = open_store(uow, former, demand.part_ids())
    for sheet in demand:
        sheet.move(store, site.id, uow.now)
    uow.flush()  # or the order would be served here once more
    serve(uow, store)


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
        held_site_id=None,
        held_path=None,
        bound_site_id=None,
        bound_path=None,
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
