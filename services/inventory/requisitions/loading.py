"""Requisitions from and to the database, as the demands they belong to, and handing free stock to whoever waits for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Uuid, all_, any_, bindparam, select

from chassis.db.statements import Fixed, several
from chassis.db.uow import UnitOfWork
from chassis.domain.custody import Side
from chassis.domain.errors import HeldElsewhere, NotFound, UnknownReference
from services.inventory.kernel import NONE
from services.inventory.requisitions import settings
from services.inventory.requisitions.demand import Demand
from services.inventory.requisitions.requisition import Allocation, Requisition, RequisitionLine
from services.inventory.requisitions.sheet import Sheet
from services.inventory.requisitions.supply import Supply
from services.inventory.stock import SiteCopy, Store, load_pieces, lock_site, open_store, save

LAST = datetime.max.replace(tzinfo=UTC)
_SHORT = Fixed(
    select(RequisitionLine).where(
        RequisitionLine.site_id == bindparam("site_id"),
        RequisitionLine.part_id == any_(several("part_ids", Uuid())),
        RequisitionLine.short > 0,
        RequisitionLine.requisition_id != all_(several("known", Uuid())),
    )
)


def opened(uow: UnitOfWork, requisition_id: UUID) -> tuple[SiteCopy, Demand, Sheet]:
    """The requisition of the path under the lock of its site, with all that its order asks. Raises NotFound, StaleVersion, HeldElsewhere."""
    seen = uow.one(Requisition, id=requisition_id)
    if seen is None:
        raise NotFound()
    site = lock_site(uow, seen.site_id)  # before the requisition itself, as everybody does
    if site is None:  # a requisition is made from it: it is another's
        raise HeldElsewhere()
    uow.get(Requisition, requisition_id)
    demand, sheet = _with(uow, seen)
    require_holder(uow, site, demand)
    return site, demand, sheet


def require_holder(uow: UnitOfWork, site: SiteCopy, demand: Demand) -> None:
    """Whoever has the device of an order sees all that it asks, and changes it; owner and addressee see part of it, and change nothing, nor does
    anybody while it is on the road (O-101). Raises HeldElsewhere, also where it went to another site than the one that is locked."""
    supply = demand.supply
    if supply is not None and (supply.place != site.id or Side.HOLDER not in supply.sides(uow.principal)):
        raise HeldElsewhere()


def demand_with(uow: UnitOfWork, site: SiteCopy, at_hand: Demand | None, requisition_id: UUID) -> tuple[Demand, Sheet]:
    """Another requisition of the site that is locked, which may belong to the demand at hand. Raises UnknownReference."""
    if at_hand is not None and requisition_id in at_hand.sheets:
        return at_hand, at_hand.sheets[requisition_id]
    seen = uow.one(Requisition, id=requisition_id, site_id=site.id)
    if seen is None:
        raise UnknownReference("to_requisition_id")
    return _with(uow, seen)


def _with(uow: UnitOfWork, seen: Requisition) -> tuple[Demand, Sheet]:
    found = of_orders(uow, [seen.work_order_id]) if seen.work_order_id else alone(uow, [seen.id])
    if not found and seen.work_order_id:
        raise HeldElsewhere()  # it was made here for an order of others, whose device is gone
    if not found or seen.id not in found[0].sheets:
        raise NotFound()  # somebody has removed the draft meanwhile
    found[0].sheets[seen.id].requisition.__dict__["reader"] = uow.principal
    return found[0], found[0].sheets[seen.id]


def of_order(uow: UnitOfWork, work_order_id: UUID) -> Demand | None:
    """All that an order asks, locked (its site is locked already); None before its first quote has come."""
    return next(iter(of_orders(uow, [work_order_id])), None)


def of_orders(uow: UnitOfWork, work_order_ids: Sequence[UUID]) -> list[Demand]:
    supplies = uow.find(Supply, order_by=("id",), lock=True, work_order_id=work_order_ids) if work_order_ids else []
    if not supplies:
        return []
    sheets = defaultdict(list)
    for sheet in _sheets(uow, uow.find(Requisition, order_by=("id",), lock=True, work_order_id=work_order_ids)):
        sheets[sheet.requisition.work_order_id].append(sheet)
    return [Demand(supply, sheets[supply.work_order_id]) for supply in supplies]


def alone(uow: UnitOfWork, requisition_ids: Sequence[UUID]) -> list[Demand]:
    """Requisitions without an order, locked."""
    heads = uow.find(Requisition, order_by=("id",), lock=True, id=requisition_ids) if requisition_ids else []
    return [Demand(None, [sheet]) for sheet in _sheets(uow, heads)]


def _sheets(uow: UnitOfWork, heads: Sequence[Requisition]) -> list[Sheet]:
    ids, lines, held = [head.id for head in heads], defaultdict(list), defaultdict(list)
    for line in uow.find(RequisitionLine, requisition_id=ids) if ids else ():
        lines[line.requisition_id].append(line)
    for each in uow.find(Allocation, requisition_id=ids) if ids else ():
        held[each.requisition_id].append(each)
    return [Sheet(head, lines[head.id], held[head.id]) for head in heads]


def store_for(uow: UnitOfWork, site: SiteCopy, demand: Demand, part_ids: Iterable[UUID] = (), numbers: Mapping[UUID, Sequence[str]] | None = None) -> Store:
    """The site's shelves of the parts of a demand, and others. ``numbers``: pieces that come or go, beside those that are out."""
    store = open_store(uow, site, {*part_ids, *demand.part_ids()}, demand.sheets)
    if numbers or demand.has_pieces:
        holder = next(iter(demand)).document.holder
        load_pieces(uow, store, numbers or {}, holder)
    return store


def serve(uow: UnitOfWork, store: Store, *asking: Demand, actions: Mapping[UUID, str] | None = None) -> None:
    """Hand free stock to whoever waits for it, oldest promise first (I-60); what is to be out leaves at once. Saves the
    store and all requisitions touched; each order whose supply differs is told. Nothing leaves for a device on the road, which nobody has.
    ``actions``: what was done to which requisition."""
    demands = list(asking)
    sheets = {id: sheet for each in demands for id, sheet in each.sheets.items()}
    free = {part_id: amount for part_id in store.part_ids() if (amount := store.free(part_id)) > 0}
    waiting = [line for sheet in sheets.values() for line in sheet.lines.values() if line.missing]
    winners = list(in_turn([*waiting, *_shortages(uow, store.site, free, sheets)], free))
    for other in _of_lines(uow, [line for line in winners if line.requisition_id not in sheets]):
        demands.append(other)
        sheets |= other.sheets
    for line in winners:
        sheets[line.requisition_id].reserve(store, line.part_id)
    for each in demands:
        if each.supply is not None and each.supply.repaired and each.supply.bound_site_id is None:
            for sheet in each.drawing:
                if settings.may_go_out(uow, sheet):
                    sheet.issue(store)
        each.conclude(actions or {}, uow.actor, uow.now)
    save(uow, store)
    for sheet in sheets.values():
        uow.add_all(sheet.added)


def in_turn(waiting: Iterable[RequisitionLine], free: Mapping[UUID, Decimal]) -> Iterator[RequisitionLine]:
    """Lines that get something of the free stock, oldest promise first; of equal promises the older requisition."""
    left = dict(free)
    for line in sorted(waiting, key=lambda line: (line.promised_at or LAST, line.requisition_id)):
        if left.get(line.part_id, NONE) > 0:
            left[line.part_id] -= min(line.missing, left[line.part_id])
            yield line


def _of_lines(uow: UnitOfWork, lines: Sequence[RequisitionLine]) -> list[Demand]:
    if not lines:
        return []
    heads = uow.find(Requisition, id=sorted({line.requisition_id for line in lines}))
    orders = sorted({head.work_order_id for head in heads if head.work_order_id})
    return [*of_orders(uow, orders), *alone(uow, [head.id for head in heads if head.work_order_id is None])]


def _shortages(uow: UnitOfWork, site: SiteCopy, part_ids: Iterable[UUID], known: Iterable[UUID]) -> list[RequisitionLine]:
    """Open shortages of these parts at the site, of requisitions other than the known ones."""
    wanted = list(part_ids)
    if not wanted:
        return []
    given = {"site_id": site.id, "part_ids": wanted, "known": list(known)}
    return list(uow.instances(RequisitionLine, uow.rows(_SHORT, given)))
