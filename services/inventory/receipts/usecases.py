"""What can be done with receipts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import DuplicateLine, UnknownReference
from chassis.domain.money import ZERO, bounded
from services.inventory.kernel import local_day, quantity
from services.inventory.parts import Part
from services.inventory.receipts.receipt import StockReceipt, StockReceiptLine, blank
from services.inventory.requisitions import serve
from services.inventory.stock import (
    Bin,
    InBin,
    Moved,
    Piece,
    SerialConflict,
    SerialCount,
    Store,
    Warehouse,
    Whereabouts,
    load_pieces,
    lock_site,
    moved,
    open_store,
    repeated,
)

NUMBERED = "stock_receipt"


def post(
    uow: UnitOfWork, warehouse_id: str, lines: Sequence[dict[str, Any]]
) -> tuple[StockReceipt, list[StockReceiptLine], list[Moved]]:
    """Parts come in, and the oldest promises waiting for them are served in the same transaction (I-21, I-60).

    Raises DuplicateLine, UnknownReference, AmountTooLarge, SerialCount, SerialConflict; nothing is posted then.
    """
    parts = _parts(uow, lines)
    part_ids = list(parts)
    numbers = _numbers(parts, lines)
    warehouse = uow.one(Warehouse, id=UUID(warehouse_id))
    site = lock_site(uow, warehouse.site_id) if warehouse else None
    if warehouse is None or site is None or warehouse.quality is None:
        raise UnknownReference("warehouse_id")
    store = open_store(uow, site, part_ids)
    pieces, bins = _pieces(uow, store, numbers), _bins(uow, warehouse, lines)
    receipt = blank(warehouse.id, site.id, warehouse.org_path, uow.now)
    posted = [
        StockReceiptLine.receive(
            receipt, position, part_id, quantity(line["quantity"]), Decimal(line["unit_cost"]), store, pieces.get(part_id, ()),
            bins.get(line.get("bin_id")),
        )
        for position, (part_id, line) in enumerate(zip(part_ids, lines, strict=True), 1)
    ]
    receipt.total = bounded(sum((line.value for line in posted), ZERO), "lines")
    uow.add(receipt)
    uow.add_all(posted)
    serve(uow, store)
    receipt.post(uow.number(NUMBERED, local_day(uow.now, site.time_zone)), posted)
    return receipt, posted, moved(store, receipt.id)


def _parts(uow: UnitOfWork, lines: Sequence[dict[str, Any]]) -> dict[UUID, Part]:
    """The lines' parts in their order: all known, none twice."""
    part_ids: list[UUID] = []
    for index, line in enumerate(lines):
        part_id = UUID(line["part_id"])
        if part_id in part_ids:
            raise DuplicateLine(f"lines.{index}.part_id")
        part_ids.append(part_id)
    known = {part.id: part for part in uow.find(Part, Part.id.in_(part_ids))}
    for index, part_id in enumerate(part_ids):
        if part_id not in known:
            raise UnknownReference(f"lines.{index}.part_id")
    return {part_id: known[part_id] for part_id in part_ids}


def _numbers(parts: Mapping[UUID, Part], lines: Sequence[dict[str, Any]]) -> dict[UUID, list[str]]:
    """Serial numbers of the parts that are tracked by them: as many as pieces, none twice (I-07)."""
    numbers: dict[UUID, list[str]] = {}
    for index, (part, line) in enumerate(zip(parts.values(), lines, strict=True)):
        given = line.get("serial_numbers", [])
        if len(given) != (quantity(line["quantity"]) if part.serial_tracked else 0):
            raise SerialCount(field=f"lines.{index}.serial_numbers")
        if (twice := repeated(given)) is not None:
            raise DuplicateLine(f"lines.{index}.serial_numbers.{twice}")
        if given:
            numbers[part.id] = given
    return numbers


def _bins(uow: UnitOfWork, warehouse: Warehouse, lines: Sequence[dict[str, Any]]) -> dict[str | None, InBin]:
    """Bins that lines name, by the id as it was written: all of this warehouse."""
    named = {line["bin_id"]: UUID(line["bin_id"]) for line in lines if "bin_id" in line}
    known = {bin.id: bin for bin in uow.find(Bin, id=[*named.values()], warehouse_id=warehouse.id)} if named else {}
    for index, line in enumerate(lines):
        if "bin_id" in line and named[line["bin_id"]] not in known:
            raise UnknownReference(f"lines.{index}.bin_id")
    return {text: InBin(id, known[id].code) for text, id in named.items()}


def _pieces(uow: UnitOfWork, store: Store, numbers: Mapping[UUID, Sequence[str]]) -> dict[UUID, list[Piece]]:
    """New ones, or the supplier's again; SerialConflict names those that are somewhere else."""
    if not numbers:
        return {}
    load_pieces(uow, store, numbers)
    if elsewhere := [piece for piece in store.pieces.values() if piece.place is not Whereabouts.SUPPLIER]:
        raise SerialConflict(serials=[piece.shown() for piece in elsewhere])
    return {id: [store.piece(id, text) or store.new_piece(id, text) for text in given] for id, given in numbers.items()}
