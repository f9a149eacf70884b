"""The store room of one site in memory: shelves of some parts, and the movements that a transaction adds to the ledger.

Pure rules of quantity and cost. The database does the same sums once more from the movements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from chassis.domain import folding
from chassis.domain.aggregate import new_id
from services.inventory.kernel import NONE, worth
from services.inventory.stock.errors import InsufficientStock, SerialConflict
from services.inventory.stock.ledger import KINDS, Document, StockMovement
from services.inventory.stock.serial import Piece, Serial, Whereabouts
from services.inventory.stock.shelf import InBin, Lot, Part, Place, Shelf, lots, share, where
from services.inventory.stock.site import SiteCopy
from services.inventory.stock.warehouse import Quality, Warehouse


class Store:
    """One site's shelves of the parts at hand, locked until commit."""

    def __init__(self, site: SiteCopy, places: Iterable[Place], shelves: Iterable[Shelf]) -> None:
        self.site = site
        self.places = sorted(places, key=lambda place: place.code)
        self.shelves = {(shelf.place.id, shelf.part_id, shelf.quality): shelf for shelf in shelves}
        self.movements: list[StockMovement] = []
        self.opened: list[Warehouse] = []
        self.pieces: dict[tuple[UUID, str], Piece] = {}
        self.new_serials: list[Serial] = []
        self.taken: dict[tuple[UUID, UUID, UUID], dict[UUID, Decimal]] = {}
        """What the documents at hand have out of bins: by document, warehouse and part, by bin."""

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
        self, warehouse_id: UUID, part_id: UUID, quantity: Decimal, unit_cost: Decimal, document: Document,
        pieces: Sequence[Piece] = (), into: InBin | None = None,
    ) -> Decimal:  # fmt: skip
        """Put in at cost; what it adds to the value. ``pieces``: of a part that is tracked, as many as the quantity, here and below."""
        value, shelf = worth(quantity * unit_cost), self.shelf(warehouse_id, part_id)
        place = shelf.into(into.id, into.code) if into else None
        for lot in lots(value, [(Decimal(1), piece, place) for piece in pieces] or [(quantity, None, place)]):
            self._post("receipt", shelf, lot, document, unit_cost)
        return value

    def issue(self, shelf: Shelf, quantity: Decimal, document: Document, pieces: Sequence[Piece] = ()) -> Decimal:
        """Take out free pieces at average cost; what they are worth."""
        value = self._worth_of_free(shelf, quantity)
        for lot in lots(value, where(shelf, quantity, pieces)):
            self._post("issue", shelf, lot.out, document)
        return value

    def undo_receipt(
        self, shelf: Shelf, quantity: Decimal, value: Decimal, document: Document, pieces: Sequence[Piece] = (), bin_id: UUID | None = None
    ) -> None:
        """Take out again what came in at ``value``, first from the bin it was put into; no more than all is worth, and with the last
        piece all of that."""
        self._worth_of_free(shelf, quantity)
        worth_then = shelf.value if quantity == shelf.on_hand else min(value, shelf.value)
        for lot in lots(worth_then, where(shelf, quantity, pieces, bin_id)):
            self._post("receipt_reversed", shelf, lot.out, document)

    def put_back(
        self, kind: str, shelf: Shelf, quantity: Decimal, value: Decimal, document: Document, pieces: Sequence[Piece] = ()
    ) -> None:
        """Put in again what was issued at ``value``; what left this shelf's bins lies in them again, the last one first."""
        here = shelf.place.id
        back: list[Part] = [(Decimal(1), piece, shelf.bin(piece.bin_id) if piece.warehouse_id == here else None) for piece in pieces]
        for lot in lots(value, back or self._bins_again(shelf, quantity, document)):
            self._post(kind, shelf, lot, document)

    def _bins_again(self, shelf: Shelf, quantity: Decimal, document: Document) -> list[Part]:
        taken, parts = self.taken.get((document.id, shelf.place.id, shelf.part_id), {}), list[Part]()
        for bin in reversed(shelf.bins):
            if (amount := min(taken.get(bin.id, NONE), quantity)) > 0:
                taken[bin.id] -= amount
                quantity -= amount
                parts.append((amount, None, bin))
        return [*parts, (quantity, None, None)] if quantity else parts

    # ------------------------------------------------------------------ pieces
    def piece(self, part_id: UUID, number: str) -> Piece | None:
        """The piece of this number, however it is written."""
        return self.pieces.get((part_id, folding.identifier(number)))

    def new_piece(self, part_id: UUID, number: str) -> Piece:
        """One that nobody has seen before."""
        serial = Serial(id=new_id(), part_id=part_id, number=number, org_path=self.site.org_path)
        self.new_serials.append(serial)
        piece = Piece(serial.id, part_id, serial.number)
        self.pieces[part_id, serial.number_key] = piece
        return piece

    def pieces_out(self, part_id: UUID, holder: UUID) -> list[Piece]:
        """Pieces of the part that are out for an order, or a document without one, the last one first."""
        there = (Whereabouts.ORDER, holder)
        found = [piece for piece in self.pieces.values() if piece.part_id == part_id and (piece.place, piece.place_id) == there]
        return sorted(found, key=lambda piece: (piece.moved_at is not None, piece.moved_at, piece.id), reverse=True)

    # ------------------------------------------------------------------ on the road
    def ship(self, shelf: Shelf, quantity: Decimal, document: Document, pieces: Sequence[Piece] = ()) -> Decimal:
        """Send free pieces away: they lie in the site's transit place until somebody receives them, at the value they left with."""
        road = self.shelf(self.transit_place(), shelf.part_id, shelf.quality)
        return self._move("ship", shelf, self, road, quantity, document, pieces)

    def arrive(
        self, road: Shelf, store: Store, warehouse_id: UUID, quantity: Decimal, document: Document, pieces: Sequence[Piece] = ()
    ) -> Decimal:
        """What this site has sent is received into a warehouse of ``store``, the same site's or another's; it takes that one's quality. This
        store is saved before the other: a piece leaves before it comes."""
        return self._move("arrive", road, store, store.shelf(warehouse_id, road.part_id), quantity, document, pieces)

    def _move(
        self, kind: str, source: Shelf, store: Store, target: Shelf, quantity: Decimal, document: Document, pieces: Sequence[Piece]
    ) -> Decimal:
        value = self._worth_of_free(source, quantity)
        for lot in lots(value, where(source, quantity, pieces)):
            self._post(kind, source, lot.out, document, there=target.place.id)
            store._post(kind, target, replace(lot, bin=None), document, there=target.place.id)
        return value

    # ------------------------------------------------------------------ warehouses opened by themselves
    def home(self, warehouse_id: UUID, part_id: UUID) -> Shelf:
        """Where good pieces that left a warehouse come back to: there, or to the first good warehouse where that is another site's."""
        ours = any(place.id == warehouse_id for place in self.places)
        return self.shelf(warehouse_id if ours else self._place_of(Quality.GOOD, "GOOD", "良品仓"), part_id)

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
        self, kind: str, shelf: Shelf, lot: Lot, document: Document, unit_cost: Decimal | None = None, there: UUID | None = None
    ) -> None:
        """``there``: the warehouse a piece goes to; else it goes to, or comes from, the order or its supplier."""
        quantity, value, piece = lot.quantity, lot.value, lot.piece
        assert KINDS[kind]["sign"] * quantity >= 0, f"{kind} has another sign"
        place = Whereabouts(KINDS[kind]["serial"]) if piece else None
        place_id = (there or (document.holder if place is Whereabouts.ORDER else None)) if piece else None
        if piece and place:
            shelf.serial_tracked = True
            _walk(piece, shelf, lot, place, place_id)
        shelf.on_hand += quantity
        shelf.value += value
        if lot.bin:
            lot.bin.on_hand += quantity
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
                serial_id=piece and piece.id,
                place=place,
                place_id=place_id,
                bin_id=lot.bin and lot.bin.id,
                org_path=self.site.org_path,
            )
        )


def _walk(piece: Piece, shelf: Shelf, lot: Lot, place: Whereabouts, place_id: UUID | None) -> None:
    """The piece from its place onto the shelf, or from the shelf to its place; SerialConflict when it is elsewhere."""
    there, here, comes = (place, place_id), shelf.place.id, lot.quantity > 0
    if ((piece.place, piece.place_id) != there) if comes else not (piece.lies and piece.place_id == here and piece.quality is shelf.quality):
        raise SerialConflict(serials=[piece.shown()])
    piece.place, piece.place_id = there
    if comes:
        piece.place = Whereabouts.WAREHOUSE if shelf.place.quality else Whereabouts.TRANSIT
        piece.place_id = piece.warehouse_id = here
        piece.quality, piece.bin_id = shelf.quality, lot.bin.id if lot.bin else None
