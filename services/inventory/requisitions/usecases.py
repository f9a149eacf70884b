"""What people can do with requisitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import DuplicateLine, NotFound, UnknownReference
from services.inventory.kernel import NONE, number
from services.inventory.requisitions.follow import load
from services.inventory.requisitions.requisition import MACHINE, Requisition, State
from services.inventory.requisitions.sheet import Sheet
from services.inventory.stock import (
    InsufficientStock,
    Piece,
    SerialCount,
    Store,
    load_pieces,
    lock_site,
    open_store,
    repeated,
    save,
)


def issue(uow: UnitOfWork, requisition_id: UUID, serials: Sequence[dict[str, Any]] = ()) -> Sheet:
    """The storekeeper's early issue (I-23, I-50): everything that is needed and not yet out, or nothing. ``serials``: {part_id,
    serial_numbers} of each part that is tracked by them (I-22), as many as are to go out.

    A second call changes nothing. Raises InsufficientStock with the short ``parts``; BadTransition without approved quote; SerialCount with
    the ``serials`` whose numbers are missing or too many, SerialConflict with the ``serials`` that are elsewhere, UnknownReference, DuplicateLine.
    """
    seen = uow.one(Requisition, id=requisition_id)
    if seen is None:
        raise NotFound()
    site = lock_site(uow, seen.site_id)  # before the requisition itself, as everybody does
    assert site is not None  # a requisition is made from it
    requisition = uow.get(Requisition, requisition_id)
    sheet = load(uow, id=requisition_id)[requisition_id]
    if requisition.state in (State.OUT, State.DONE):
        return sheet
    MACHINE.require(requisition, "issue")
    short = [line for line in sheet.lines.values() if line.missing]
    if short:
        raise InsufficientStock(
            parts=[
                {"part_id": line.part_id}
                | {name: number(getattr(line, name)) for name in ("needed", "reserved", "short")}
                for line in short
            ]
        )
    store = open_store(uow, site, sheet.lines)
    for part_id, pieces in _pieces(uow, store, sheet, serials).items():
        sheet.issue_pieces(store, sheet.lines[part_id], pieces)
    sheet.issue(store)
    sheet.conclude("issue", uow.actor, uow.now)
    save(uow, store)
    uow.add_all(sheet.added)
    return sheet


def _pieces(uow: UnitOfWork, store: Store, sheet: Sheet, serials: Sequence[dict[str, Any]]) -> dict[UUID, list[Piece]]:
    """The pieces that are to go out, by part: as many as the lines of tracked parts ask for."""
    given: dict[UUID, list[str]] = {}
    for index, entry in enumerate(serials):
        part_id = UUID(entry["part_id"])
        if part_id in given:
            raise DuplicateLine(f"serials.{index}.part_id")
        if part_id not in sheet.lines:
            raise UnknownReference(f"serials.{index}.part_id")
        if (twice := repeated(entry["serial_numbers"])) is not None:
            raise DuplicateLine(f"serials.{index}.serial_numbers.{twice}")
        given[part_id] = entry["serial_numbers"]
    asked = {id: line.to_issue for id, line in sheet.lines.items() if line.serial_numbers is not None and line.to_issue}
    if wrong := [id for id in {**asked, **given} if len(given.get(id, ())) != asked.get(id, 0)]:
        raise SerialCount(
            serials=[{"part_id": id, "quantity": number(asked.get(id, NONE)), "serial_numbers": given.get(id, [])} for id in wrong]
        )
    if given:
        load_pieces(uow, store, given)
    found: dict[UUID, list[Piece]] = {}
    for index, (part_id, numbers) in enumerate(given.items()):
        for place, text in enumerate(numbers):
            if (piece := store.piece(part_id, text)) is None:
                raise UnknownReference(f"serials.{index}.serial_numbers.{place}")
            found.setdefault(part_id, []).append(piece)
    return found
