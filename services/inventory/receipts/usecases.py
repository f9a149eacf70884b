"""What can be done with receipts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from chassis.db.uow import UnitOfWork
from chassis.domain.errors import DuplicateLine, NotFound, UnknownReference
from services.inventory.kernel import local_day, number, worth
from services.inventory.parts import Part
from services.inventory.receipts.errors import DocumentLocked
from services.inventory.receipts.queries import lines_of
from services.inventory.receipts.receipt import MACHINE, State, StockReceipt, StockReceiptLine
from services.inventory.requisitions import serve
from services.inventory.stock import (
    Bin,
    InBin,
    InsufficientStock,
    Piece,
    SerialConflict,
    SerialCount,
    SiteCopy,
    Store,
    Warehouse,
    Whereabouts,
    load_pieces,
    lock_site,
    open_store,
    repeated,
    save,
)

NUMBERED = "stock_receipt"


def create(uow: UnitOfWork, warehouse_id: str, lines: Sequence[dict[str, Any]], draft: bool = False) -> StockReceipt:
    """A draft, or posted at once. Raises DuplicateLine, UnknownReference, AmountTooLarge, and what ``post`` raises."""
    parts = _parts(uow, lines)
    warehouse = uow.one(Warehouse, id=UUID(warehouse_id))
    if warehouse is None or warehouse.quality is None:
        raise UnknownReference("warehouse_id")
    receipt = StockReceipt.draft(warehouse)
    bins = _bins(uow, receipt, lines)
    rows = _rows(receipt, lines)
    if not draft:
        site = lock_site(uow, warehouse.site_id)
        if site is None:
            raise UnknownReference("warehouse_id")
        _post(uow, site, receipt, rows, parts, bins)
    uow.add(receipt)
    uow.add_all(rows)
    return receipt


def change(uow: UnitOfWork, receipt_id: UUID, lines: Sequence[dict[str, Any]]) -> StockReceipt:
    """A draft's lines, all of them. Raises DocumentLocked once it is posted, and what ``create`` raises."""
    receipt, _ = _locked(uow, receipt_id, State.DRAFT)
    _parts(uow, lines)
    _bins(uow, receipt, lines)
    for row in lines_of(uow, [receipt_id]).get(receipt_id, []):
        uow.delete(row)
    uow.flush()  # or a part that stays would be there twice
    MACHINE.fire(receipt, "update", uow.actor)
    uow.add_all(_rows(receipt, lines))
    return receipt


def delete(uow: UnitOfWork, receipt_id: UUID) -> StockReceipt:
    """A draft. Raises DocumentLocked once it is posted. ``lines`` stay with what is answered."""
    receipt, _ = _locked(uow, receipt_id, State.DRAFT)
    for row in lines_of(uow, [receipt_id]).get(receipt_id, []):
        uow.delete(row)
    uow.flush()
    uow.delete(receipt)
    return receipt


def post(uow: UnitOfWork, receipt_id: UUID) -> StockReceipt:
    """A draft's parts come in. Raises BadTransition, SerialCount, SerialConflict; nothing is posted then."""
    receipt, site = _locked(uow, receipt_id)
    MACHINE.require(receipt, "post")
    rows = lines_of(uow, [receipt_id])[receipt_id]
    named = {row.bin_id for row in rows if row.bin_id}
    bins = {bin.id: InBin(bin.id, bin.code) for bin in uow.find(Bin, id=[*named])} if named else {}
    _post(uow, site, receipt, rows, _known(uow, [row.part_id for row in rows]), bins)
    return receipt


def reverse(uow: UnitOfWork, receipt_id: UUID, reason: str) -> StockReceipt:
    """What came in goes out again, at the cost it came in with as far as the rest is worth that much; the last piece takes all. Raises
    BadTransition, InsufficientStock with the ``parts`` of which less is left that nobody has reserved, or other pieces."""
    receipt, site = _locked(uow, receipt_id)
    MACHINE.require(receipt, "reverse")
    rows = lines_of(uow, [receipt_id])[receipt_id]
    store = open_store(uow, site, [row.part_id for row in rows])
    load_pieces(uow, store, {row.part_id: row.serial_numbers for row in rows if row.serial_numbers})
    used = []
    for row in rows:
        shelf = store.shelf(receipt.warehouse_id, row.part_id)
        gone = [text for text in row.serial_numbers if not shelf.has(store.piece(row.part_id, text))]
        if row.quantity > shelf.free or gone:
            free = {"part_id": row.part_id, "needed": number(row.quantity), "available": number(shelf.free)}
            used.append(free | ({"serial_numbers": gone} if gone else {}))
    if used:
        raise InsufficientStock(parts=used)
    for row in rows:
        pieces = [piece for text in row.serial_numbers if (piece := store.piece(row.part_id, text))]
        shelf, value = store.shelf(receipt.warehouse_id, row.part_id), worth(row.quantity * row.unit_cost)
        store.undo_receipt(shelf, row.quantity, value, receipt.document, pieces, row.bin_id)
    save(uow, store)
    receipt.reverse(reason, rows, uow.actor, uow.now)
    return receipt


def _locked(uow: UnitOfWork, receipt_id: UUID, only: State | None = None) -> tuple[StockReceipt, SiteCopy]:
    """The receipt, and its site, which everybody locks first. ``only``: in this state, else DocumentLocked."""
    seen = uow.one(StockReceipt, id=receipt_id)
    if seen is None:
        raise NotFound()
    site = lock_site(uow, seen.site_id)
    assert site is not None  # its warehouse was made from it
    receipt = uow.get(StockReceipt, receipt_id)
    if only is not None and receipt.state != only:
        raise DocumentLocked()
    return receipt, site


def _rows(receipt: StockReceipt, lines: Sequence[dict[str, Any]]) -> list[StockReceiptLine]:
    rows = [StockReceiptLine.of(receipt, position, line) for position, line in enumerate(lines, 1)]
    receipt.add_up(rows)
    return rows


def _post(
    uow: UnitOfWork, site: SiteCopy, receipt: StockReceipt, rows: Sequence[StockReceiptLine], parts: Mapping[UUID, Part],
    bins: Mapping[UUID, InBin],
) -> None:  # fmt: skip
    """Parts come in, and the oldest promises waiting for them are served in the same transaction (I-21, I-60)."""
    numbers = _numbers(parts, rows)
    store = open_store(uow, site, [row.part_id for row in rows])
    pieces = _pieces(uow, store, numbers)
    for row in rows:
        into = bins[row.bin_id] if row.bin_id else None
        store.receive(receipt.warehouse_id, row.part_id, row.quantity, row.unit_cost, receipt.document, pieces.get(row.part_id, ()), into)
    serve(uow, store)
    receipt.post(uow.number(NUMBERED, local_day(uow.now, site.time_zone)), rows, uow.actor, uow.now)


def _parts(uow: UnitOfWork, lines: Sequence[dict[str, Any]]) -> dict[UUID, Part]:
    """The lines' parts in their order: all known, none twice."""
    part_ids: list[UUID] = []
    for index, line in enumerate(lines):
        part_id = UUID(line["part_id"])
        if part_id in part_ids:
            raise DuplicateLine(f"lines.{index}.part_id")
        part_ids.append(part_id)
    return _known(uow, part_ids)


def _known(uow: UnitOfWork, part_ids: Sequence[UUID]) -> dict[UUID, Part]:
    known = {part.id: part for part in uow.find(Part, Part.id.in_(part_ids))}
    for index, part_id in enumerate(part_ids):
        if part_id not in known:
            raise UnknownReference(f"lines.{index}.part_id")
    return {part_id: known[part_id] for part_id in part_ids}


def _numbers(parts: Mapping[UUID, Part], rows: Sequence[StockReceiptLine]) -> dict[UUID, list[str]]:
    """Serial numbers of the parts that are tracked by them: as many as pieces, none twice (I-07)."""
    numbers: dict[UUID, list[str]] = {}
    for index, row in enumerate(rows):
        if len(row.serial_numbers) != (row.quantity if parts[row.part_id].serial_tracked else 0):
            raise SerialCount(field=f"lines.{index}.serial_numbers")
        if (twice := repeated(row.serial_numbers)) is not None:
            raise DuplicateLine(f"lines.{index}.serial_numbers.{twice}")
        if row.serial_numbers:
            numbers[row.part_id] = row.serial_numbers
    return numbers


def _bins(uow: UnitOfWork, receipt: StockReceipt, lines: Sequence[dict[str, Any]]) -> dict[UUID, InBin]:
    """Bins that lines name: all of the receipt's warehouse."""
    named = [UUID(line["bin_id"]) if "bin_id" in line else None for line in lines]
    asked = [id for id in named if id]
    known = {bin.id: InBin(bin.id, bin.code) for bin in uow.find(Bin, id=asked, warehouse_id=receipt.warehouse_id)} if asked else {}
    for index, id in enumerate(named):
        if id and id not in known:
            raise UnknownReference(f"lines.{index}.bin_id")
    return known


def _pieces(uow: UnitOfWork, store: Store, numbers: Mapping[UUID, Sequence[str]]) -> dict[UUID, list[Piece]]:
    """New ones, or the supplier's again; SerialConflict names those that are somewhere else."""
    if not numbers:
        return {}
    load_pieces(uow, store, numbers)
    if elsewhere := [piece for piece in store.pieces.values() if piece.place is not Whereabouts.SUPPLIER]:
        raise SerialConflict(serials=[piece.shown() for piece in elsewhere])
    return {id: [store.piece(id, text) or store.new_piece(id, text) for text in given] for id, given in numbers.items()}
