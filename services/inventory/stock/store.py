"""The store room of one site in memory: shelves of some parts, and the movements that a transaction adds to the ledger.

Pure rules of quantity and cost. The database does the same sums once more from the movements.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from chassis.domain.aggregate import new_id
from chassis.domain.money import ZERO, money
from services.inventory.kernel import NONE
from services.inventory.stock.errors import InsufficientStock
from services.inventory.stock.ledger import Document, StockMovement
from services.inventory.stock.site import SiteCopy
from services.inventory.stock.warehouse import Quality, Warehouse


@dataclass(slots=True)
class Place:
    """A warehouse as far as stock is concerned."""

    id: UUID
    code: str
    quality: Quality


@dataclass(slots=True)
class Shelf:
    """One part in one warehouse. ``value`` is what all of it cost; the moving average is value by quantity."""

    place: Place
    part_id: UUID
    on_hand: Decimal = NONE
    reserved: Decimal = NONE
    value: Decimal = ZERO

    @property
    def free(self) -> Decimal:
        return self.on_hand - self.reserved

    def reserve(self, quantity: Decimal) -> None:
        """Keep for somebody; a negative quantity gives up."""
        if quantity > self.free or self.reserved + quantity < 0:
            raise InsufficientStock(part_id=self.part_id)
        self.reserved += quantity


def share(value: Decimal, quantity: Decimal, whole: Decimal) -> Decimal:
    """The value of a part of what is worth ``value``, to the cent; the last piece takes what rounding left."""
    return value if quantity == whole else money(value * quantity / whole)


class Store:
    """One site's shelves of the parts at hand, locked until commit."""

    def __init__(self, site: SiteCopy, places: Iterable[Place], shelves: Iterable[Shelf]) -> None:
        self.site = site
        self.places = sorted(places, key=lambda place: place.code)
        self.shelves = {(shelf.place.id, shelf.part_id): shelf for shelf in shelves}
        self.movements: list[StockMovement] = []
        self.opened: list[Warehouse] = []

    def shelf(self, warehouse_id: UUID, part_id: UUID) -> Shelf:
        if (warehouse_id, part_id) not in self.shelves:
            place = next(place for place in self.places if place.id == warehouse_id)
            self.shelves[warehouse_id, part_id] = Shelf(place, part_id)
        return self.shelves[warehouse_id, part_id]

    def good(self, part_id: UUID) -> list[Shelf]:
        """Shelves that orders are served from, in the order they are served from: by code of the warehouse."""
        keys = ((place.id, part_id) for place in self.places if place.quality is Quality.GOOD)
        return [self.shelves[key] for key in keys if key in self.shelves]

    def free(self, part_id: UUID) -> Decimal:
        """Good pieces that nobody has reserved."""
        return sum((shelf.free for shelf in self.good(part_id)), NONE)

    def part_ids(self) -> set[UUID]:
        return {part_id for _, part_id in self.shelves}

    def receive(
        self, warehouse_id: UUID, part_id: UUID, quantity: Decimal, unit_cost: Decimal, document: Document
    ) -> Decimal:
        """Put in at cost; the value of the line."""
        value = money(quantity * unit_cost)
        self._post("receipt", self.shelf(warehouse_id, part_id), quantity, value, document, unit_cost)
        return value

    def issue(self, shelf: Shelf, quantity: Decimal, document: Document) -> Decimal:
        """Take out free pieces at average cost; what they are worth."""
        if quantity > shelf.free:
            raise InsufficientStock(part_id=shelf.part_id)
        value = share(shelf.value, quantity, shelf.on_hand)
        self._post("issue", shelf, -quantity, -value, document)
        return value

    def put_back(
        self, kind: str, shelf: Shelf, quantity: Decimal, value: Decimal, document: Document
    ) -> None:
        """Put in again what was issued at ``value``."""
        self._post(kind, shelf, quantity, value, document)

    def bad_warehouse(self) -> UUID:
        """Where bad parts go: the site's first bad warehouse by code, opened when there is none."""
        for place in self.places:
            if place.quality is Quality.BAD:
                return place.id
        opened = Warehouse.create(self.site, f"{self.site.code}-BAD", f"{self.site.name} 坏件仓", Quality.BAD)
        opened.id = new_id()
        self.opened.append(opened)
        self.places.append(Place(opened.id, opened.code, opened.quality))
        return opened.id

    def _post(
        self,
        kind: str,
        shelf: Shelf,
        quantity: Decimal,
        value: Decimal,
        document: Document,
        unit_cost: Decimal | None = None,
    ) -> None:
        shelf.on_hand += quantity
        shelf.value += value
        each = (
            (value / quantity).quantize(Decimal("0.0001"), ROUND_HALF_UP) if unit_cost is None else unit_cost
        )
        self.movements.append(
            StockMovement(
                id=new_id(),
                kind=kind,
                warehouse_id=shelf.place.id,
                part_id=shelf.part_id,
                quantity=quantity,
                unit_cost=each,
                value=value,
                document_type=document.type,
                document_id=document.id,
                work_order_id=document.work_order_id,
                org_path=self.site.org_path,
            )
        )
