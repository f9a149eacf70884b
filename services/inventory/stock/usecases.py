"""What can be done with warehouses, and how the other contexts open a site's store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import Text, Uuid, and_, any_, bindparam, or_, select

from chassis.db.statements import Fixed, several
from chassis.db.uow import UnitOfWork
from chassis.domain import folding
from chassis.domain.events import Event
from services.inventory.stock.ledger import Stock
from services.inventory.stock.serial import Piece, Serial, Whereabouts
from services.inventory.stock.site import SiteCopy
from services.inventory.stock.store import Place, Shelf, Store
from services.inventory.stock.warehouse import Quality, Warehouse

_OF_PARTS = and_(Stock.warehouse_id == Warehouse.id, Stock.part_id == any_(several("part_ids", Uuid())))
_SHELVES = Fixed(
    select(
        Warehouse.id, Warehouse.code, Warehouse.quality,
        Stock.part_id, Stock.quality.label("lies"), Stock.on_hand, Stock.reserved, Stock.value, Stock.serial_tracked,
    )
    .outerjoin(Stock, _OF_PARTS)
    .where(Warehouse.site_id == bindparam("site_id"))
)
_PIECES = Fixed(
    select(
        Serial.id, Serial.part_id, Serial.number, Serial.number_key, Serial.place, Serial.place_id, Serial.warehouse_id, Serial.quality,
        Serial.moved_at,
    )
    .where(
        or_(
            and_(Serial.part_id == any_(several("part_ids", Uuid())), Serial.number_key == any_(several("keys", Text()))),
            and_(Serial.place_id == bindparam("work_order_id", type_=Uuid()), Serial.place == Whereabouts.ORDER),
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


def note_site(uow: UnitOfWork, event: Event) -> None:
    """Keep the copy of a site of orders."""
    uow.copy(SiteCopy, event, **event.data)


def open_store(uow: UnitOfWork, site: SiteCopy, part_ids: Iterable[UUID]) -> Store:
    """Shelves of these parts at a site that ``lock_site`` has locked."""
    rows = uow.rows(_SHELVES, {"site_id": site.id, "part_ids": list(set(part_ids))})
    places = {row.id: Place(row.id, row.code, row.quality and Quality(row.quality)) for row in rows}
    shelves = [
        Shelf(places[row.id], row.part_id, Quality(row.lies), row.on_hand, row.reserved, row.value, row.serial_tracked)
        for row in rows
        if row.part_id is not None
    ]
    return Store(site, places.values(), shelves)


def load_pieces(uow: UnitOfWork, store: Store, numbers: Mapping[UUID, Sequence[str]], work_order_id: UUID | None = None) -> None:
    """Into the store: pieces of these serial numbers by part, and those that are out for an order."""
    keys = [folding.identifier(number) for given in numbers.values() for number in given]
    for row in uow.rows(_PIECES, {"part_ids": list(numbers), "keys": keys, "work_order_id": work_order_id}):
        piece = Piece(row.id, row.part_id, row.number, Whereabouts(row.place), row.place_id, row.warehouse_id, row.quality, row.moved_at)
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
