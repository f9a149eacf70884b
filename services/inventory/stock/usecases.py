"""What can be done with warehouses, and how the other contexts open a site's store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import Text, Uuid, and_, any_, bindparam, func, or_, select

from chassis.db.statements import Fixed, several
from chassis.db.uow import UnitOfWork
from chassis.domain import folding
from chassis.domain.errors import UnknownReference
from chassis.domain.events import Event
from services.inventory.stock.bin import Bin, BinStock
from services.inventory.stock.ledger import Stock, StockMovement
from services.inventory.stock.serial import Piece, Serial, Whereabouts
from services.inventory.stock.shelf import InBin, Place, Shelf
from services.inventory.stock.site import SiteCopy
from services.inventory.stock.store import Store
from services.inventory.stock.warehouse import Keeping, Quality, Warehouse

_OF_PARTS = and_(Stock.warehouse_id == Warehouse.id, Stock.part_id == any_(several("part_ids", Uuid())))
_SHELVES = Fixed(
    select(
        Warehouse.id, Warehouse.code, Warehouse.quality,
        Stock.part_id, Stock.quality.label("lies"), Stock.on_hand, Stock.reserved, Stock.value, Stock.serial_tracked, Stock.binned,
    )
    .outerjoin(Stock, _OF_PARTS)
    .where(Warehouse.site_id == bindparam("site_id"))
)
_BINS = Fixed(
    select(Bin.id, Bin.code, BinStock.warehouse_id, BinStock.part_id, BinStock.on_hand)
    .join(Bin, Bin.id == BinStock.bin_id)
    .where(BinStock.part_id == any_(several("part_ids", Uuid())), BinStock.warehouse_id == any_(several("warehouse_ids", Uuid())))
    .order_by(Bin.code)
)
_TAKEN = Fixed(
    select(
        StockMovement.document_id, StockMovement.warehouse_id, StockMovement.part_id, StockMovement.bin_id,
        func.sum(StockMovement.quantity).label("quantity"),
    )
    .where(StockMovement.document_id == any_(several("documents", Uuid())), StockMovement.bin_id.is_not(None))
    .group_by(StockMovement.document_id, StockMovement.warehouse_id, StockMovement.part_id, StockMovement.bin_id)
)
_PIECES = Fixed(
    select(
        Serial.id, Serial.part_id, Serial.number, Serial.number_key, Serial.place, Serial.place_id, Serial.warehouse_id, Serial.bin_id,
        Serial.quality, Serial.moved_at,
    )
    .where(
        or_(
            and_(Serial.part_id == any_(several("part_ids", Uuid())), Serial.number_key == any_(several("keys", Text()))),
            and_(Serial.place_id == bindparam("holder", type_=Uuid()), Serial.place == Whereabouts.ORDER),
        )
    )
)


def create_warehouse(
    uow: UnitOfWork, code: str, name: str, site_id: str, quality: str = Quality.GOOD.value
) -> Warehouse:
    """I-08. Raises Duplicate(field="code"), UnknownReference(field="site_id")."""
    site = uow.reference(SiteCopy, site_id, "site_id")
    warehouse = Warehouse.create(site, code, name, Quality(quality))
    uow.add(warehouse)
    return warehouse


def rename_warehouse(uow: UnitOfWork, warehouse_id: UUID, name: str | None = None) -> Warehouse:
    """Code, site and quality stay: movements were posted under them. BadTransition of a transit place."""
    warehouse = uow.get(Warehouse, warehouse_id)
    if name is not None:
        warehouse.rename(name)
    return warehouse


def create_bin(uow: UnitOfWork, warehouse_id: str, code: str, name: str) -> Bin:
    """I-08. Raises Duplicate(field="code") where the warehouse has one, UnknownReference(field="warehouse_id") also of a transit place."""
    warehouse = uow.reference(Warehouse, warehouse_id, "warehouse_id")
    if warehouse.kind is Keeping.TRANSIT:
        raise UnknownReference("warehouse_id")
    made = Bin.create(warehouse, code, name)
    uow.add(made)
    return made


def change_bin(uow: UnitOfWork, bin_id: UUID, **fields: str) -> Bin:
    """What lies in it stays there under its new code."""
    found = uow.get(Bin, bin_id)
    found.change(**fields)
    return found


def note_site(uow: UnitOfWork, event: Event) -> None:
    """Keep the copy of a site of orders."""
    uow.copy(SiteCopy, event, **event.data)


def open_store(uow: UnitOfWork, site: SiteCopy, part_ids: Iterable[UUID], documents: Collection[UUID] = ()) -> Store:
    """Shelves of these parts at a site that ``lock_site`` has locked. ``documents``: whose pieces may go back into the bins they were in."""
    rows = uow.rows(_SHELVES, {"site_id": site.id, "part_ids": list(set(part_ids))})
    places = {row.id: Place(row.id, row.code, row.quality and Quality(row.quality)) for row in rows}
    shelves = [
        Shelf(places[row.id], row.part_id, Quality(row.lies), row.on_hand, row.reserved, row.value, row.serial_tracked)
        for row in rows
        if row.part_id is not None
    ]
    store = Store(site, places.values(), shelves)
    if binned := {row.part_id for row in rows if row.binned is not None}:
        _open_bins(uow, store, binned, documents)
    return store


def _open_bins(uow: UnitOfWork, store: Store, part_ids: Iterable[UUID], documents: Collection[UUID]) -> None:
    """Into the store: bins of its shelves, and what the documents have taken out of them."""
    given = {"part_ids": list(part_ids), "warehouse_ids": [place.id for place in store.places]}
    for row in uow.rows(_BINS, given):
        store.shelf(row.warehouse_id, row.part_id).bins.append(InBin(row.id, row.code, row.on_hand))
    for row in uow.rows(_TAKEN, {"documents": list(documents)}) if documents else ():
        store.taken.setdefault((row.document_id, row.warehouse_id, row.part_id), {})[row.bin_id] = -row.quantity


def load_pieces(uow: UnitOfWork, store: Store, numbers: Mapping[UUID, Sequence[str]], holder: UUID | None = None) -> None:
    """Into the store: pieces of these serial numbers by part, and those that are out for an order (``Document.holder``)."""
    keys = [folding.identifier(number) for given in numbers.values() for number in given]
    for row in uow.rows(_PIECES, {"part_ids": list(numbers), "keys": keys, "holder": holder}):
        place = Whereabouts(row.place)
        piece = Piece(row.id, row.part_id, row.number, place, row.place_id, row.warehouse_id, row.bin_id, row.quality, row.moved_at)
        store.pieces.setdefault((row.part_id, row.number_key), piece)


def save(uow: UnitOfWork, store: Store) -> None:
    """Add what the store did to the ledger. Before reservations are saved: those need their stock rows."""
    for warehouse in store.opened:
        if (
            uow.one(Warehouse, code_key=warehouse.code) is not None
        ):  # somebody used our code for something else
            warehouse.code = f"{warehouse.code}-{warehouse.id.hex[-8:]}"
        uow.add(warehouse)
    uow.add_all(store.new_serials)
    for movement in store.movements:
        movement.at, movement.actor = uow.now, uow.actor
        uow.add(movement)
