"""Shelves of a store in memory: a part of one quality in one warehouse, in bins and beside them, and what moves as one movement.

Pure rules of quantity, cost and which piece is taken from where.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

from services.inventory.kernel import NONE, worth
from services.inventory.stock.errors import InsufficientStock
from services.inventory.stock.serial import Piece
from services.inventory.stock.warehouse import Quality


@dataclass(slots=True)
class Place:
    """A warehouse as far as stock is concerned; ``quality`` None: the site's transit place."""

    id: UUID
    code: str
    quality: Quality | None


@dataclass(slots=True)
class InBin:
    """What of a shelf lies in one bin."""

    id: UUID
    code: str
    on_hand: Decimal = NONE


@dataclass(slots=True)
class Shelf:
    """One part of one quality in one warehouse. ``value`` is what all of it cost; the moving average is value by quantity. ``bins``: those
    it ever lay in; what is in none of them lies in the warehouse without one."""

    place: Place
    part_id: UUID
    quality: Quality
    on_hand: Decimal = NONE
    reserved: Decimal = NONE
    value: Decimal = NONE
    serial_tracked: bool = False
    bins: list[InBin] = field(default_factory=list)

    @property
    def free(self) -> Decimal:
        return self.on_hand - self.reserved

    def bin(self, bin_id: UUID | None) -> InBin | None:
        return next((each for each in self.bins if each.id == bin_id), None)

    def into(self, bin_id: UUID, code: str) -> InBin:
        """A bin that something of it is put into, perhaps for the first time."""
        found = self.bin(bin_id)
        if found is None:
            found = InBin(bin_id, code)
            self.bins = sorted([*self.bins, found], key=lambda each: each.code)
        return found

    def has(self, piece: Piece | None) -> bool:
        """Whether the piece lies here."""
        return piece is not None and piece.lies and piece.place_id == self.place.id and piece.quality is self.quality

    def reserve(self, quantity: Decimal) -> None:
        """Keep for somebody; a negative quantity gives up."""
        if quantity > self.free or self.reserved + quantity < 0:
            raise InsufficientStock(part_id=self.part_id)
        self.reserved += quantity


@dataclass(frozen=True, slots=True)
class Lot:
    """What one movement is about: so many, worth so much in all, or one piece."""

    quantity: Decimal
    value: Decimal
    piece: Piece | None = None
    bin: InBin | None = None

    @property
    def out(self) -> Lot:
        return replace(self, quantity=-self.quantity, value=-self.value)


def share(value: Decimal, quantity: Decimal, whole: Decimal) -> Decimal:
    """The value of a part of what is worth ``value``, to four decimals; the last piece takes what rounding left."""
    return value if quantity == whole else worth(value * quantity / whole)


Part = tuple[Decimal, Piece | None, InBin | None]
"""How much of what is moved, which piece, in which bin."""


def where(shelf: Shelf, quantity: Decimal, pieces: Sequence[Piece], first: UUID | None = None) -> list[Part]:
    """What is taken from where: pieces from where they lie; else from the bin ``first``, then what lies in no bin, then bins by code."""
    if pieces:
        assert quantity == len(pieces), "as many pieces as the quantity"
        return [(Decimal(1), piece, shelf.bin(piece.bin_id)) for piece in pieces]
    loose = shelf.on_hand - sum((bin.on_hand for bin in shelf.bins), NONE)
    places: list[tuple[Decimal, InBin | None]] = [(loose, None), *((bin.on_hand, bin) for bin in shelf.bins)]
    parts = list[Part]()
    for lies, bin in sorted(places, key=lambda place: place[1] is None or place[1].id != first) if first else places:
        if (amount := min(lies, quantity)) > 0:
            quantity -= amount
            parts.append((amount, None, bin))
    return parts


def lots(value: Decimal, parts: Sequence[Part]) -> Iterator[Lot]:
    """What is one movement each; values are shares that sum to the whole."""
    left = sum((quantity for quantity, _, _ in parts), NONE)
    for quantity, piece, bin in parts:
        its = share(value, quantity, left)
        value -= its
        left -= quantity
        yield Lot(quantity, its, piece, bin)
