"""The store room of one site in memory: shelves of some parts, and the movements that a transaction adds to the ledger.

Pure rules of quantity and cost. The database does the same sums once more from the movements.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from chassis.domain.aggregate import new_id
from services.inventory.kernel import NONE, worth
from services.inventory.stock.errors import InsufficientStock
from services.inventory.stock.ledger import KINDS, Document, StockMovement
from services.inventory.stock.site import SiteCopy
from services.inventory.stock.warehouse import Quality, Warehouse


@dataclass(slots=True)
class Place:
    """A warehouse as far as stock is concerned; ``quality`` None: the site's transit place."""

    id: UUID
    code: str
    quality: Quality | None


@dataclass(slots=True)
class Shelf:
    """One part of one quality in one warehouse. ``value`` is what all of it cost; the moving average is value by quantity."""

    place: Place
    part_id: UUID
    quality: Quality
    on_hand: Decimal = NONE
    reserved: Decimal = NONE
    value: Decimal = NONE

    @property
    def free(self) -> Decimal:
        return self.on_hand - self.reserved

    def reserve(self, quantity: Decimal) -> None:
        """Keep for somebody; a negative quantity gives up."""
        if quantity > self.free or self.reserved + quantity < 0:
            raise InsufficientStock(part_id=self.part_id)
        self.reserved += quantity


def share(value: Decimal, quantity: Decimal, whole: Decimal) -> Decimal:
    """The value of a part of what is worth ``value``, to four decimals; the last piece takes what rounding left."""
    return value if quantity == whole else worth(value * quantity / whole)


class Store:
    """One site's shelves of the parts at hand, locked until commit."""

    def __init__(self, site: SiteCopy, places: Iterable[Place], shelves: Iterable[Shelf]) -> None:
        self.site = site
        self.places = sorted(places, key=lambda place: place.code)
        self.shelves = {(shelf.place.id, shelf.part_id, shelf.quality): shelf for shelf in shelves}
        self.movements: list[StockMovement] = []
        self.opened: list[Warehouse] = []

    def shelf(self, warehouse_id: UUID, part_id: UUID, quality: Quality | None = None) -> Shelf:
        """``quality``: where several lie, in the transit place."""
        place = next(place for place in self.places if place.id == warehouse_id)
        kept = place.quality or quality
        assert kept is not None, "of which quality?"
        key = (warehouse_id, part_id, kept)
        if key not in self.shelves:
            self.shelves[key] = Shelf(place, part_id, kept)
        return self.shelves[key]

    def good(self, part_id: UUID) -> list[Shelf]:
        """Shelves that orders are served from, in the order they are served from: by code of the warehouse."""
        keys = ((place.id, part_id, Quality.GOOD) for place in self.places if place.quality is Quality.GOOD)
        return [self.shelves[key] for key in keys if key in self.shelves]

    def free(self, part_id: UUID) -> Decimal:
        """Good pieces that nobody has reserved."""
        return sum((shelf.free for shelf in self.good(part_id)), NONE)

    def part_ids(self) -> set[UUID]:
        return {part_id for _, part_id, _ in self.shelves}

    def receive(
        self, warehouse_id: UUID, part_id: UUID, quantity: Decimal, unit_cost: Decimal, document: Document
    ) -> Decimal:
        """Put in at cost; what it adds to the value."""
        value = worth(quantity * unit_cost)
        self._post("receipt", self.shelf(warehouse_id, part_id), quantity, value, document, unit_cost)
        return value

    def issue(self, shelf: Shelf, quantity: Decimal, document: Document) -> Decimal:
        """Take out free pieces at average cost; what they are worth."""
        value = self._worth_of_free(shelf, quantity)
        self._post("issue", shelf, -quantity, -value, document)
        return value

    def put_back(
        self, kind: str, shelf: Shelf, quantity: Decimal, value: Decimal, document: Document
    ) -> None:
        """Put in again what was issued at ``value``."""
        self._post(kind, shelf, quantity, value, document)

    # ------------------------------------------------------------------ on the road
    def ship(self, shelf: Shelf, quantity: Decimal, document: Document) -> Decimal:
        """Send free pieces away: they lie in the site's transit place until somebody receives them, at the value they left with."""
        road = self.shelf(self.transit_place(), shelf.part_id, shelf.quality)
        return self._move("ship", shelf, self, road, quantity, document)

    def arrive(self, road: Shelf, store: Store, warehouse_id: UUID, quantity: Decimal, document: Document) -> Decimal:
        """What this site has sent is received into a warehouse of ``store``, the same site's or another's; it takes that one's quality."""
        return self._move("arrive", road, store, store.shelf(warehouse_id, road.part_id), quantity, document)

    def _move(self, kind: str, source: Shelf, store: Store, target: Shelf, quantity: Decimal, document: Document) -> Decimal:
        value = self._worth_of_free(source, quantity)
        self._post(kind, source, -quantity, -value, document)
        store._post(kind, target, quantity, value, document)
        return value

    # ------------------------------------------------------------------ warehouses opened by themselves
    def bad_warehouse(self) -> UUID:
        """Where bad parts go: the site's first bad warehouse by code, opened when there is none."""
        return self._place_of(Quality.BAD, "BAD", "坏件仓")

    def transit_place(self) -> UUID:
        """Where what the site has sent lies, opened when first needed."""
        return self._place_of(None, "TRANSIT", "在途")

    def _place_of(self, quality: Quality | None, suffix: str, name: str) -> UUID:
        for place in self.places:
            if place.quality is quality:
                return place.id
        opened = Warehouse.create(self.site, f"{self.site.code}-{suffix}", f"{self.site.name} {name}", quality)
        opened.id = new_id()
        self.opened.append(opened)
        self.places.append(Place(opened.id, opened.code, opened.quality))
        return opened.id

    # ------------------------------------------------------------------ the ledger
    def _worth_of_free(self, shelf: Shelf, quantity: Decimal) -> Decimal:
        if quantity > shelf.free:
            raise InsufficientStock(part_id=shelf.part_id)
        return share(shelf.value, quantity, shelf.on_hand)

    def _post(
        self,
        kind: str,
        shelf: Shelf,
        quantity: Decimal,
        value: Decimal,
        document: Document,
        unit_cost: Decimal | None = None,
    ) -> None:
        assert KINDS[kind]["sign"] * quantity >= 0, f"{kind} has another sign"
        shelf.on_hand += quantity
        shelf.value += value
        self.movements.append(
            StockMovement(
                id=new_id(),
                kind=kind,
                warehouse_id=shelf.place.id,
                part_id=shelf.part_id,
                quality=shelf.quality,
                quantity=quantity,
                unit_cost=worth(value / quantity) if unit_cost is None else unit_cost,
                value=value,
                document_type=document.type,
                document_id=document.id,
                work_order_id=document.work_order_id,
                org_path=self.site.org_path,
            )
        )
