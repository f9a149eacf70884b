"""Requisitions made by hand (I-50): for a work order, beside or instead of what is planned, or without one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import HeldElsewhere, UnknownReference, ValidationFailed
from services.inventory.kernel import NONE, local_day, number
from services.inventory.requisitions import settings
from services.inventory.requisitions.asking import Asked, PartLine, asked_parts, recipient
from services.inventory.requisitions.demand import Demand
from services.inventory.requisitions.errors import OverQuote, PartsNotReturned, RecipientMissing
from services.inventory.requisitions.loading import of_order, opened, require_holder, serve, store_for
from services.inventory.requisitions.requisition import MACHINE, TYPES, Requisition
from services.inventory.requisitions.sheet import Sheet
from services.inventory.requisitions.supply import Supply
from services.inventory.stock import SiteCopy, lock_site

NUMBERED = "requisition"


def create(
    uow: UnitOfWork,
    work_order_id: str | None = None,
    site_id: str | None = None,
    type: str | None = None,
    technician_id: str | None = None,
    remark: str | None = None,
    lines: Sequence[PartLine] | None = None,
    draft: bool = False,
) -> Requisition:
    """A draft, or applied for at once. Without ``lines``: all that the order's quote leaves open. Raises UnknownReference, ValidationFailed,
    DuplicateLine, and what ``apply`` raises."""
    kind = type or ("normal" if work_order_id else "internal")
    if work_order_id is None and (missing := _missing(kind, site_id, lines)):
        raise ValidationFailed([{"field": field, "code": "missing"} for field in missing])
    asked = asked_parts(uow, lines) if lines else None
    site, demand = _wherefrom(uow, work_order_id, site_id)
    supply = demand.supply
    given = {"technician_id": recipient(uow, site, technician_id)} if technician_id else {}
    requisition = Requisition.blank(site, supply, type=kind, remark=remark, **given)
    if not requisition.draws:
        requisition.quote_version = requisition.promised_at = None
    sheet = demand.sheets[requisition.id] = Sheet(requisition)
    if asked is None and not requisition.draws:
        raise ValidationFailed([{"field": "lines", "code": "missing"}])
    asked = asked or _open(demand)
    if not asked:
        raise OverQuote(parts=[])
    sheet.ask(asked)
    uow.add(requisition)
    if draft:
        uow.add_all(sheet.added)
        demand.announce()  # the order is not complete before somebody applies for it, or removes it
    else:
        _apply(uow, site, demand, sheet)
    return requisition


def change(
    uow: UnitOfWork,
    requisition_id: UUID,
    technician_id: str | None = None,
    remark: str | None = None,
    lines: Sequence[PartLine] | None = None,
) -> Requisition:
    """Recipient, remark, or all lines anew, until it is out; what is reserved follows. Raises BadTransition, OverQuote, and what ``create`` raises."""
    asked = asked_parts(uow, lines) if lines else None
    site, demand, sheet = opened(uow, requisition_id)
    requisition = sheet.requisition
    MACHINE.require(requisition, "update")
    if technician_id is not None:
        requisition.technician_id = recipient(uow, site, technician_id)
    if remark is not None:
        requisition.remark = remark
    _ask(uow, site, demand, sheet, "update", asked)
    return requisition


def import_open(uow: UnitOfWork, requisition_id: UUID) -> Requisition:
    """What the order's quote leaves open by now is added to its lines. Raises BadTransition, OverQuote where nothing is open."""
    site, demand, sheet = opened(uow, requisition_id)
    MACHINE.require(sheet.requisition, "import")
    more = _open(demand, None if sheet.requisition.applied_at else sheet)
    if not more:
        raise OverQuote(parts=[])
    asked = {part_id: line.asked for part_id, line in sheet.lines.items()}
    for part_id, amount in more.items():
        asked[part_id] = asked.get(part_id, NONE) + amount
    _ask(uow, site, demand, sheet, "import", asked)
    return sheet.requisition


def apply(uow: UnitOfWork, requisition_id: UUID) -> Requisition:
    """A draft asks for its parts: they are reserved as far as the store has them. Raises BadTransition, OverQuote, RecipientMissing."""
    site, demand, sheet = opened(uow, requisition_id)
    MACHINE.require(sheet.requisition, "apply")
    _apply(uow, site, demand, sheet)
    return sheet.requisition


def delete(uow: UnitOfWork, requisition_id: UUID) -> Requisition:
    """A draft; what was held for it is free for others."""
    site, demand, sheet = opened(uow, requisition_id)
    MACHINE.require(sheet.requisition, "delete")
    _give_up(uow, site, demand, sheet, "serve")
    uow.flush()
    for row in (*sheet.allocations.values(), *sheet.lines.values(), sheet.requisition):
        uow.delete(row)
    return sheet.requisition


def cancel(uow: UnitOfWork, requisition_id: UUID, reason: str) -> Requisition:
    """Nobody comes for it; what was reserved goes to the order's planned requisition, or to who waits. Raises BadTransition, PartsNotReturned."""
    site, demand, sheet = opened(uow, requisition_id)
    MACHINE.require(sheet.requisition, "cancel")
    if out := {part_id: line.out for part_id, line in sheet.lines.items() if line.out}:
        raise PartsNotReturned(parts=[{"part_id": part_id, "quantity": number(amount)} for part_id, amount in out.items()])
    sheet.requisition.reason = reason
    _give_up(uow, site, demand, sheet, "cancel")
    return sheet.requisition


# ---------------------------------------------------------------- what they share


def _apply(uow: UnitOfWork, site: SiteCopy, demand: Demand, sheet: Sheet) -> None:
    requisition = sheet.requisition
    if requisition.technician_id is None and settings.recipient_required(uow):
        raise RecipientMissing()
    asked = {part_id: line.asked for part_id, line in sheet.lines.items()}
    _within(demand, sheet, asked)
    requisition.applied_at = uow.now
    requisition.number = uow.number(NUMBERED, local_day(uow.now, site.time_zone))
    if not requisition.draws:
        requisition.promised_at = uow.now  # as an order's parts are promised from its approval on
    _share(uow, site, demand, sheet, "apply")


def _ask(uow: UnitOfWork, site: SiteCopy, demand: Demand, sheet: Sheet, action: str, asked: Asked | None) -> None:
    """Lines anew, where there are some; what is in force already is divided anew, too."""
    if asked is not None:
        if sheet.requisition.applied_at is not None:
            _within(demand, sheet, asked)
            if out := {id: line for id, line in sheet.lines.items() if line.issued > asked.get(id, NONE)}:
                raise PartsNotReturned(parts=[{"part_id": id, "quantity": number(line.out)} for id, line in out.items()])
        sheet.ask(asked)
    _share(uow, site, demand, sheet, action)


def _share(uow: UnitOfWork, site: SiteCopy, demand: Demand, sheet: Sheet, action: str) -> None:
    """The order's need over its requisitions. What is reserved goes to who asks for it by hand first, and stays the order's before anybody else's."""
    store = store_for(uow, site, demand)
    if demand.supply is not None:
        demand.divide(demand.needed())
    else:
        demand.need_apart()
    for each in demand:
        each.release(store)
    if sheet.requisition.draws:
        for part_id in sheet.lines.keys() & demand.planned.lines.keys():
            demand.planned.give_up(store, part_id, sheet.lines[part_id].lacking)
    for each in (sheet, *demand):
        for part_id in each.lines:
            each.reserve(store, part_id)
    serve(uow, store, demand, actions={sheet.requisition.id: action})


def _give_up(uow: UnitOfWork, site: SiteCopy, demand: Demand, sheet: Sheet, action: str) -> None:
    sheet.requisition.cancelled = True
    _share(uow, site, demand, sheet, action)


def _open(demand: Demand, beside: Sheet | None = None) -> Asked:
    """What of the approved quote is planned and neither out nor asked for by hand; less what the draft ``beside`` has on its lines already."""
    lines = demand.planned.lines.items() if demand.supply else ()
    asked = {part_id: line.asked for part_id, line in beside.lines.items()} if beside else {}
    left = {part_id: line.to_issue - asked.get(part_id, NONE) for part_id, line in lines}
    return {part_id: amount for part_id, amount in left.items() if amount > 0}


def _within(demand: Demand, sheet: Sheet, asked: Asked) -> None:
    """What draws on a quote asks for no more than that leaves open."""
    if not sheet.requisition.draws:
        return
    open_, has = _open(demand), sheet.asks()
    most = {part_id: open_.get(part_id, NONE) + (sheet.lines[part_id].needed if part_id in has else NONE) for part_id in asked}
    if over := {part_id: amount for part_id, amount in asked.items() if amount - _returned(sheet, part_id) > most[part_id]}:
        raise OverQuote(parts=[{"part_id": id, "quantity": number(amount), "open": number(most[id])} for id, amount in over.items()])
    if not any(asked.values()):
        raise OverQuote(parts=[])


def _returned(sheet: Sheet, part_id: UUID) -> Decimal:
    return sheet.lines[part_id].returned if part_id in sheet.lines else NONE


def _missing(kind: str, site_id: str | None, lines: Sequence[PartLine] | None) -> list[str]:
    """Members that a requisition without an order needs; of a type that is for orders, the order."""
    if not TYPES[kind]["alone"]:
        return ["work_order_id"]
    return [name for name, value in (("site_id", site_id), ("lines", lines)) if not value]


def _wherefrom(uow: UnitOfWork, work_order_id: str | None, site_id: str | None) -> tuple[SiteCopy, Demand]:
    """The site's lock, and the order's demand; an order is known to the store from its first quote on. Raises UnknownReference, HeldElsewhere to
    who has not got its device."""
    if work_order_id is None:
        uow.reference(SiteCopy, str(site_id), "site_id")
        site = lock_site(uow, UUID(site_id))
        assert site is not None
        return site, Demand(None, [])
    seen = uow.one(Supply, work_order_id=UUID(work_order_id))
    if seen is None:
        raise UnknownReference("work_order_id").waiting()
    site = lock_site(uow, seen.place)
    demand = of_order(uow, seen.work_order_id)
    if site is None or demand is None:
        raise HeldElsewhere()
    require_holder(uow, site, demand)
    if site_id is not None and UUID(site_id) != site.id:
        raise UnknownReference("work_order_id").waiting()
    if demand.supply is None or demand.supply.cancelled:
        raise UnknownReference("work_order_id")
    return site, demand
