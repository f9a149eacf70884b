"""A requisition with its lines in hand: the rules of reserving, issuing, returning and taking back (I-24, I-50, I-51).

Pure: works on lines and on the store room in memory; what it adds is saved by the use case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from chassis.domain.aggregate import new_id
from services.inventory.kernel import NONE
from services.inventory.requisitions.requisition import (
    MACHINE,
    SYSTEM,
    Allocation,
    Requisition,
    RequisitionLine,
)
from services.inventory.stock import (
    Document,
    InsufficientStock,
    Piece,
    Quality,
    SerialConflict,
    Shelf,
    Store,
    share,
)


class Sheet:
    """``added`` are new lines and allocations in the order they must be stored."""

    def __init__(
        self,
        requisition: Requisition,
        lines: Iterable[RequisitionLine] = (),
        allocations: Iterable[Allocation] = (),
    ) -> None:
        self.requisition = requisition
        self.lines = {line.part_id: line for line in lines}
        self.allocations = {(each.part_id, each.warehouse_id): each for each in allocations}
        self.added: list[RequisitionLine | Allocation] = []

    @property
    def document(self) -> Document:
        return self.requisition.document

    # ------------------------------------------------------------------ what is needed
    def need(self, needed: Mapping[UUID, Decimal]) -> None:
        """The whole need, replacing what was needed before. Once it is in force nothing is held any more (I-24)."""
        for part_id, quantity in needed.items():
            if quantity:
                self.line(part_id)
        for part_id, line in self.lines.items():
            line.needed = needed.get(part_id, NONE)
            line.promised_at = self.requisition.promised_at
            if line.held and (self.requisition.in_force or self.requisition.cancelled):
                line.hold(NONE, None)

    def asks(self) -> dict[UUID, Decimal]:
        """What was asked for by hand and has not come back; nothing of a draft."""
        asking = self.requisition.applied_at is not None and not self.requisition.cancelled
        return {part_id: line.asked - line.returned for part_id, line in self.lines.items() if asking}

    def out(self, part_id: UUID) -> Decimal:
        return self.lines[part_id].out if part_id in self.lines else NONE

    def ask(self, asked: Mapping[UUID, Decimal]) -> None:
        """What is asked for by hand, all of it anew."""
        for part_id in asked:
            self.line(part_id)
        for part_id, line in self.lines.items():
            line.asked = asked.get(part_id, NONE)

    def line(self, part_id: UUID) -> RequisitionLine:
        if part_id not in self.lines:
            requisition = self.requisition
            blank = dict.fromkeys(("needed", "asked", "reserved", "issued", "returned", "short", "held"), NONE)
            line = RequisitionLine(
                id=new_id(),
                requisition_id=requisition.id,
                part_id=part_id,
                site_id=requisition.site_id,
                org_path=requisition.org_path,
                short_since=None,
                promised_at=requisition.promised_at,
                held_until=None,
                serial_numbers=None,
                **blank,
            )
            self.lines[part_id] = line
            self.added.append(line)
        return self.lines[part_id]

    # ------------------------------------------------------------------ another store
    def move(self, store: Store, site_id: UUID, now: datetime) -> None:
        """The device is at another site: from now on that one's store serves it, and nothing is kept in this one any more (O-101)."""
        self.requisition.site_id = site_id
        for line in self.lines.values():
            self.give_up(store, line.part_id, line.reserved)
            line.hold(NONE, None)
            line.site_id = site_id
            line.settle(now)

    # ------------------------------------------------------------------ reservations
    def release(self, store: Store) -> None:
        """Give up what is reserved beyond what is still to be issued, or held."""
        for line in self.lines.values():
            self.give_up(store, line.part_id, -line.lacking)

    def give_up(self, store: Store, part_id: UUID, quantity: Decimal) -> None:
        """So much of what is reserved, last warehouse first."""
        line = self.lines[part_id]
        for held, shelf in reversed(self._held(store, part_id)):
            given_up = min(held.reserved, max(quantity, NONE))
            self._reserve(line, held, shelf, -given_up)
            quantity -= given_up

    def reserve(self, store: Store, part_id: UUID) -> None:
        """Keep what is missing as far as there is free stock, first warehouse first."""
        line = self.lines[part_id]
        for shelf in store.good(part_id):
            if shelf.serial_tracked and line.serial_numbers is None:
                line.serial_numbers = []
            reserved = min(line.lacking, shelf.free)
            if reserved > 0:
                self._reserve(line, self._allocation(shelf), shelf, reserved)

    def _reserve(self, line: RequisitionLine, held: Allocation, shelf: Shelf, quantity: Decimal) -> None:
        if quantity:
            shelf.reserve(quantity)
            held.reserved += quantity
            line.reserved += quantity

    # ------------------------------------------------------------------ out and in again
    def issue(self, store: Store) -> None:
        """Hand out what is reserved; what is short follows when it arrives. Pieces with serial numbers go out by these (issue_pieces)."""
        for line in self.lines.values():
            if line.serial_numbers is None:
                self._issue_reserved(store, line, min(line.reserved, line.to_issue))

    def issue_pieces(self, store: Store, line: RequisitionLine, pieces: Sequence[Piece]) -> None:
        """Hand out these pieces; what is reserved moves to where they lie. All or none: SerialConflict of those that lie in no good
        warehouse of the site, InsufficientStock where what lies there is kept for others."""
        shelves = {shelf.place.id: shelf for shelf in store.good(line.part_id)}
        if wrong := [piece for piece in pieces if not piece.lies or piece.place_id not in shelves]:
            raise SerialConflict(serials=[piece.shown() for piece in wrong])
        taken = {id: [piece for piece in pieces if piece.place_id == id] for id in shelves}
        for id, shelf in shelves.items():
            held = self.allocations.get((line.part_id, id))
            if len(taken[id]) > shelf.free + (held.reserved if held else 0):
                raise InsufficientStock(parts=[{"part_id": line.part_id, "warehouse_id": id, "serial_numbers": [p.number for p in taken[id]]}])
        for held, shelf in self._held(store, line.part_id):
            self._reserve(line, held, shelf, -held.reserved)
        for id, shelf in shelves.items():
            if taken[id]:
                self._hand_out(store, line, self._allocation(shelf), shelf, Decimal(len(taken[id])), taken[id])
        self.reserve(store, line.part_id)

    def take_back(self, store: Store) -> None:
        """What is out beyond the need had crossed with a cancel or a smaller quote: its issue is undone, each piece goes where it lay, or
        where it would come back to (``give_back``)."""
        for line in self.lines.values():
            excess = line.out - line.needed
            if line.serial_numbers is not None:
                for piece in self.pieces_out(store, line)[: max(int(excess), 0)]:
                    held = self._origin(piece)
                    store.put_back("take_back", _home(store, held), Decimal(1), self._leave(held, Decimal(1)), self.document, [piece])
                    self._away(line, piece)
                    line.issued -= 1
                continue
            for held in reversed(self._out(store, line.part_id)):
                back = min(held.out, max(excess, NONE))
                if back:
                    store.put_back("take_back", _home(store, held), back, self._leave(held, back), self.document)
                    line.issued -= back
                    excess -= back

    def give_back(self, store: Store, part_id: UUID, quantity: Decimal, quality: Quality) -> Decimal:
        """What is out comes back (I-51), good to the warehouse it came from, bad to the bad one; how much of the quantity was out. What another
        site had issued is at hand here: it comes to this store, good to the first good warehouse (O-101)."""
        rest = quantity
        for held in self._out(store, part_id):
            back = min(held.out, rest)
            if back:
                store.put_back("return", _home(store, held, quality), back, self._leave(held, back), self.document)
                self.line(part_id).returned += back
                rest -= back
        return quantity - rest

    def give_back_pieces(self, store: Store, line: RequisitionLine, pieces: Iterable[Piece], quality: Quality) -> None:
        """The same of pieces that are out of it."""
        for piece in pieces:
            held = self._origin(piece)
            store.put_back("return", _home(store, held, quality), Decimal(1), self._leave(held, Decimal(1)), self.document, [piece])
            self._away(line, piece)
            line.returned += 1

    def pieces_out(self, store: Store, line: RequisitionLine) -> list[Piece]:
        """Pieces that are out of it, the last one first."""
        return [piece for piece in store.pieces_out(line.part_id, self.document.holder) if piece.number in (line.serial_numbers or ())]

    def _origin(self, piece: Piece) -> Allocation:
        """Of the warehouse where a piece that is out lay before."""
        assert piece.warehouse_id is not None
        return self.allocations[piece.part_id, piece.warehouse_id]

    def _away(self, line: RequisitionLine, piece: Piece) -> None:
        line.serial_numbers = [number for number in line.serial_numbers or () if number != piece.number]

    def issue_again(self, store: Store, line: RequisitionLine, quantity: Decimal) -> None:
        """Reserved or free: what is told to have been out after all."""
        from_reserved = min(line.reserved, quantity)
        self._issue_reserved(store, line, from_reserved)
        rest = quantity - from_reserved
        for shelf in store.good(line.part_id):
            part = min(shelf.free, rest)
            if part > 0:
                self._hand_out(store, line, self._allocation(shelf), shelf, part)
                rest -= part

    def _issue_reserved(self, store: Store, line: RequisitionLine, quantity: Decimal) -> None:
        for held, shelf in self._held(store, line.part_id):
            part = min(held.reserved, quantity)
            if part:
                self._reserve(line, held, shelf, -part)
                self._hand_out(store, line, held, shelf, part)
                quantity -= part

    def _hand_out(
        self, store: Store, line: RequisitionLine, held: Allocation, shelf: Shelf, quantity: Decimal, pieces: Sequence[Piece] = ()
    ) -> None:
        held.out_value += store.issue(shelf, quantity, self.document, pieces)
        if pieces:
            line.serial_numbers = sorted([*(line.serial_numbers or ()), *(piece.number for piece in pieces)])
        held.out += quantity
        line.issued += quantity

    def _leave(self, held: Allocation, quantity: Decimal) -> Decimal:
        """Pieces are no longer out; the value they had been issued at, on average."""
        value = share(held.out_value, quantity, held.out)
        held.out -= quantity
        held.out_value -= value
        return value

    def _held(self, store: Store, part_id: UUID) -> list[tuple[Allocation, Shelf]]:
        """The line's allocations in this store with their shelves, by code of the warehouse."""
        places = ((place, self.allocations.get((part_id, place.id))) for place in store.places)
        return [(held, store.shelf(place.id, part_id)) for place, held in places if held is not None]

    def _out(self, store: Store, part_id: UUID) -> list[Allocation]:
        """The line's allocations in this store, then those at other sites, of which nothing is left but what is out."""
        here = [held for held, _ in self._held(store, part_id)]
        return [*here, *(held for (part, _), held in sorted(self.allocations.items()) if part == part_id and held not in here)]

    def _allocation(self, shelf: Shelf) -> Allocation:
        key = (shelf.part_id, shelf.place.id)
        if key not in self.allocations:
            self.allocations[key] = Allocation(
                requisition_id=self.requisition.id,
                part_id=shelf.part_id,
                warehouse_id=shelf.place.id,
                reserved=NONE,
                out=NONE,
                out_value=NONE,
                org_path=self.requisition.org_path,
            )
            self.added.append(self.allocations[key])
        return self.allocations[key]

    # ------------------------------------------------------------------ what it comes to
    def conclude(self, action: str, by: str, now: datetime) -> None:
        """Settle lines and state; what a person does is journalled also where the state stays."""
        for line in self.lines.values():
            line.settle(now)
        state = self.requisition.state_of(self.lines.values())
        if state is not self.requisition.state or action not in SYSTEM:
            MACHINE.land(self.requisition, action, by, to=state, why=self.requisition.reason if action == "cancel" else None)


def _home(store: Store, held: Allocation, quality: Quality = Quality.GOOD) -> Shelf:
    """Where what is out comes back to."""
    if quality is Quality.GOOD:
        return store.home(held.warehouse_id, held.part_id)
    return store.shelf(store.bad_warehouse(), held.part_id)
