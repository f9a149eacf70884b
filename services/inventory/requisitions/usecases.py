"""What the storekeeper does with requisitions: parts go out and come back, are kept with an end, or go to another one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import DateTime, bindparam, select

from chassis.db.statements import Fixed
from chassis.db.uow import UnitOfWork
from chassis.domain import folding
from chassis.domain.errors import DuplicateLine, UnknownReference, ValidationFailed
from services.inventory.kernel import NONE, number, quantity
from services.inventory.requisitions import settings
from services.inventory.requisitions.asking import (
    PartLine,
    PartSerials,
    ReturnLine,
    asked_parts,
    pieces_of,
    recipient,
)
from services.inventory.requisitions.errors import OverReturn, RecipientMissing
from services.inventory.requisitions.loading import demand_with, opened, serve, store_for
from services.inventory.requisitions.requisition import MACHINE, Requisition, RequisitionLine, State
from services.inventory.stock import InsufficientStock, Quality, SerialCount, lock_site, repeated

LONGEST = timedelta(days=366)
"""What is held for somebody has an end."""
_EXPIRED = Fixed(
    select(RequisitionLine.site_id, RequisitionLine.requisition_id)
    .where(RequisitionLine.held_until <= bindparam("now", type_=DateTime(timezone=True)))
    .order_by(RequisitionLine.held_until)
    .limit(50)
)


def issue(uow: UnitOfWork, requisition_id: UUID, serials: Sequence[PartSerials] = (), technician_id: str | None = None) -> Requisition:
    """The storekeeper's early issue (I-23, I-50): everything that is needed and not yet out, or nothing. ``serials`` of each
    part that is tracked by them (I-22), as many as are to go out. ``technician_id``: who takes the parts.

    A second call changes nothing. Raises InsufficientStock with the short ``parts``; BadTransition without approved quote; SerialCount with
    the ``serials`` whose numbers are missing or too many, SerialConflict with the ``serials`` that are elsewhere, UnknownReference, DuplicateLine,
    RecipientMissing.
    """
    site, demand, sheet = opened(uow, requisition_id)
    requisition = sheet.requisition
    if requisition.state in (State.OUT, State.DONE):
        return requisition
    MACHINE.require(requisition, "issue")
    if technician_id is not None:
        requisition.technician_id = recipient(uow, site, technician_id)
    if requisition.technician_id is None and settings.recipient_required(uow):
        raise RecipientMissing()
    if short := [line for line in sheet.lines.values() if line.missing]:
        raise InsufficientStock(parts=[_short(line) for line in short])
    store = store_for(uow, site, demand)
    for part_id, pieces in pieces_of(uow, store, sheet, serials).items():
        sheet.issue_pieces(store, sheet.lines[part_id], pieces)
    sheet.issue(store)
    serve(uow, store, demand, actions={requisition_id: "issue"})
    return requisition


def give_back(uow: UnitOfWork, requisition_id: UUID, lines: Sequence[ReturnLine]) -> Requisition:
    """Parts of a requisition that is nothing to an order's quote come back (I-51), good to where they lay, bad to the bad warehouse, at the cost
    they left with. All lines or none. Raises BadTransition, OverReturn, SerialCount, UnknownReference, DuplicateLine."""
    site, demand, sheet = opened(uow, requisition_id)
    MACHINE.require(sheet.requisition, "return")
    store = store_for(uow, site, demand)
    for index, given in enumerate(lines):
        part_id, amount, quality = UUID(given["part_id"]), quantity(given["quantity"]), Quality(given["quality"])
        if (line := sheet.lines.get(part_id)) is None:
            raise UnknownReference(f"lines.{index}.part_id")
        numbers = given.get("serial_numbers", [])
        if len(numbers) != (amount if line.serial_numbers is not None else 0):
            raise SerialCount(field=f"lines.{index}.serial_numbers")
        if (twice := repeated(numbers)) is not None:
            raise DuplicateLine(f"lines.{index}.serial_numbers.{twice}")
        keys = {folding.identifier(text) for text in numbers}
        pieces = [piece for piece in sheet.pieces_out(store, line) if folding.identifier(piece.number) in keys]
        if amount > line.out or len(pieces) != len(numbers):
            named = {"serial_numbers": numbers} if numbers else {}
            raise OverReturn(parts=[{"part_id": part_id, "quantity": number(line.out), **named}])
        if numbers:
            sheet.give_back_pieces(store, line, pieces, quality)
        else:
            sheet.give_back(store, part_id, amount, quality)
    demand.need_apart()
    serve(uow, store, demand, actions={requisition_id: "return"})
    return sheet.requisition


def reserve(uow: UnitOfWork, requisition_id: UUID, lines: Sequence[PartLine], until: str | None = None) -> Requisition:
    """Parts are kept for a draft until a moment (I-24): all of these lines in place of what was held before, without lines nothing any more.
    They are free again then, or needed once it is applied for or its quote approved. Raises BadTransition, ValidationFailed, DuplicateLine,
    UnknownReference, InsufficientStock with the ``parts`` of which less is free; nothing changes then."""
    end = _end(uow, until) if lines else None
    site, demand, sheet = opened(uow, requisition_id)
    MACHINE.require(sheet.requisition, "reserve")
    wanted = asked_parts(uow, lines)
    store = store_for(uow, site, demand, wanted)
    for part_id in wanted:
        sheet.line(part_id)
    for part_id, line in sheet.lines.items():
        line.hold(wanted.get(part_id, NONE), end)
    sheet.release(store)
    for part_id in wanted:
        sheet.reserve(store, part_id)
    if short := [line for line in sheet.lines.values() if line.lacking > 0]:
        raise InsufficientStock(parts=[_short(line) | {"needed": number(line.held), "short": number(line.lacking)} for line in short])
    serve(uow, store, demand, actions={requisition_id: "reserve"})
    return sheet.requisition


def reallot(uow: UnitOfWork, requisition_id: UUID, to_requisition_id: str, lines: Sequence[PartLine]) -> Requisition:
    """What is reserved for one requisition goes to another of the site that is short of it (I-24); the first is short of it then. Raises
    BadTransition, UnknownReference, DuplicateLine, InsufficientStock with the ``parts`` of which less is reserved here, or missing there."""
    site, demand, sheet = opened(uow, requisition_id)
    MACHINE.require(sheet.requisition, "reallot")
    beside, other = demand_with(uow, site, demand, UUID(to_requisition_id))
    MACHINE.require(other.requisition, "reallot")
    wanted = asked_parts(uow, lines)
    kept = {part_id: line.kept for part_id, line in sheet.lines.items()}
    missing = {part_id: line.missing for part_id, line in other.lines.items()}
    if less := [id for id, amount in wanted.items() if amount > min(kept.get(id, NONE), missing.get(id, NONE))]:
        names = {"quantity": wanted, "reserved": kept, "missing": missing}
        raise InsufficientStock(parts=[{"part_id": id} | {name: number(of.get(id, NONE)) for name, of in names.items()} for id in less])
    store = store_for(uow, site, demand, beside.part_ids())
    for part_id, amount in wanted.items():
        sheet.give_up(store, part_id, amount)
        other.reserve(store, part_id)
    serve(uow, store, *dict.fromkeys((demand, beside)), actions={requisition_id: "reallot"})
    return sheet.requisition


def expire(uow: UnitOfWork) -> int:
    """What was held until now is free for others, at the site where it waits longest; how many requisitions gave up something (I-24)."""
    oldest = uow.rows(_EXPIRED, {"now": uow.now})
    if not oldest:
        return 0
    site = lock_site(uow, oldest[0].site_id)
    assert site is not None
    due = sorted({row.requisition_id for row in uow.rows(_EXPIRED, {"now": uow.now}) if row.site_id == site.id})  # as it is under the lock
    for requisition_id in due:
        demand, sheet = demand_with(uow, site, None, requisition_id)
        store = store_for(uow, site, demand)
        for line in sheet.lines.values():
            if line.held_until is not None and line.held_until <= uow.now:
                line.hold(NONE, None)
        sheet.release(store)
        serve(uow, store, demand)
        uow.flush()
    return len(due)


def _end(uow: UnitOfWork, until: str | None) -> datetime:
    if until is None:
        raise ValidationFailed([{"field": "until", "code": "missing"}])
    end = datetime.fromisoformat(until)
    if not uow.now < end <= uow.now + LONGEST:
        raise ValidationFailed([{"field": "until", "code": "out_of_range"}])
    return end


def _short(line: RequisitionLine) -> dict[str, object]:
    """A line in the way, as a refusal names it."""
    return {"part_id": line.part_id} | {name: number(getattr(line, name)) for name in ("needed", "reserved", "short")}
