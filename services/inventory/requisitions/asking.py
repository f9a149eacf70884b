"""What bodies of requisitions name: parts and quantities, who takes them, which pieces."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NotRequired, TypedDict
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import DuplicateLine, UnknownReference
from services.inventory.kernel import NONE, number, quantity
from services.inventory.parts import Part
from services.inventory.requisitions.copies import TechnicianCopy
from services.inventory.requisitions.sheet import Sheet
from services.inventory.stock import Piece, SerialCount, SiteCopy, Store, load_pieces, repeated

Asked = dict[UUID, Decimal]
"""Quantities by part."""


class PartLine(TypedDict):
    """So much of a part; ids as in the body, quantities as JSON numbers."""

    part_id: str
    quantity: int | float


class ReturnLine(PartLine):
    """What comes back; ``serial_numbers``: of a part that is tracked by them."""

    quality: str
    serial_numbers: NotRequired[list[str]]


class PartSerials(TypedDict):
    """Which pieces of a part."""

    part_id: str
    serial_numbers: list[str]


def asked_parts(uow: UnitOfWork, lines: Sequence[PartLine]) -> Asked:
    """Quantities by part: all known, none twice, whole where pieces go out by number. Raises DuplicateLine, UnknownReference, SerialCount."""
    asked: Asked = {}
    for index, line in enumerate(lines):
        part_id = UUID(line["part_id"])
        if part_id in asked:
            raise DuplicateLine(f"lines.{index}.part_id")
        asked[part_id] = quantity(line["quantity"])
    known = {part.id: part for part in uow.find(Part, Part.id.in_(list(asked)))}
    for index, (part_id, amount) in enumerate(asked.items()):
        if part_id not in known:
            raise UnknownReference(f"lines.{index}.part_id")
        if known[part_id].serial_tracked and amount % 1:
            raise SerialCount(field=f"lines.{index}.quantity")
    return asked


def recipient(uow: UnitOfWork, site: SiteCopy, technician_id: str) -> UUID:
    """A technician of the site. Raises UnknownReference."""
    technician = uow.reference(TechnicianCopy, technician_id, "technician_id")
    if technician.site_id != site.id or not technician.active:
        raise UnknownReference("technician_id")
    return technician.id


def pieces_of(uow: UnitOfWork, store: Store, sheet: Sheet, serials: Sequence[PartSerials]) -> dict[UUID, list[Piece]]:
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
