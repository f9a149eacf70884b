"""A requisition with its lines in hand: the rules of reserving, issuing, returning and taking back (I-24, I-50, I-51).

Pure: works on lines and on the store room in memory; what it adds is saved by the use case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from chassis.domain.aggregate import new_id
from services.inventory.kernel import NONE, number
from services.inventory.requisitions.requisition import (
    MACHINE,
    Allocation,
    Announced,
    AnnouncedLine,
    Requisition,
    RequisitionLine,
    State,
)
from services.inventory.stock import (
    Document,
    InsufficientStock,
    Piece,
    Quality,
    SerialConflict,
    Shelf,
    Store,
    repeated,
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
        return Document("requisition", self.requisition.id, self.requisition.work_order_id)

    # ------------------------------------------------------------------ what is needed
    def need(self, needed: Mapping[UUID, Decimal]) -> None:
        """The order's whole need, replacing what it needed before."""
        for part_id in needed:
            self.line(part_id)
        for part_id, line in self.lines.items():
            line.needed = needed.get(part_id, NONE)
            line.promised_at = self.requisition.promised_at

    def line(self, part_id: UUID) -> RequisitionLine:
        if part_id not in self.lines:
            requisition = self.requisition
            blank = dict.fromkeys(("needed", "reserved", "issued", "returned", "short"), NONE)
            line = RequisitionLine(
                id=new_id(),
                requisition_id=requisition.id,
                part_id=part_id,
                site_id=requisition.site_id,
                org_path=requisition.org_path,
                short_since=None,
                promised_at=None,
                serial_numbers=None,
                **blank,
            )
            self.lines[part_id] = line
            self.added.append(line)
        return self.lines[part_id]

    # ------------------------------------------------------------------ reservations
    def release(self, store: Store) -> None:
        """Give up what is reserved beyond what is still to be issued, last warehouse first."""
        for line in self.lines.values():
            excess = line.reserved - line.to_issue
            for held, shelf in reversed(self._held(store, line.part_id)):
                given_up = min(held.reserved, max(excess, NONE))
                self._reserve(line, held, shelf, -given_up)
                excess -= given_up

    def reserve(self, store: Store, part_id: UUID) -> None:
        """Keep what is missing as far as there is free stock, first warehouse first."""
        line = self.lines[part_id]
        for shelf in store.good(part_id):
            if shelf.serial_tracked and line.serial_numbers is None:
                line.serial_numbers = []
            reserved = min(line.missing, shelf.free)
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
        """What is out beyond the need had crossed with a cancel or a smaller quote: its issue is undone, each piece goes where it lay."""
        for line in self.lines.values():
            excess = line.out - line.needed
            if line.serial_numbers is not None:
                for piece in store.pieces_out(line.part_id, self.requisition.work_order_id)[: max(int(excess), 0)]:
                    held, shelf = self._origin(store, piece)
                    store.put_back("take_back", shelf, Decimal(1), self._leave(held, Decimal(1)), self.document, [piece])
                    self._away(line, piece)
                    line.issued -= 1
                continue
            for held, shelf in reversed(self._held(store, line.part_id)):
                back = min(held.out, max(excess, NONE))
                if back:
                    store.put_back("take_back", shelf, back, self._leave(held, back), self.document)
                    line.issued -= back
                    excess -= back

    def post_return(
        self, store: Store, return_id: str, part_id: UUID, quantity: Decimal, quality: Quality, numbers: Sequence[str] = ()
    ) -> None:
        """Post a return of the order once (I-51): good parts to the warehouse they came from, bad ones to the bad one.

        A return may find its part already taken back. The part had been out after all, so it is issued again first. If
        somebody else has it by now nothing is posted: out and needed agree already, and a later event tries again.
        """
        posted, line = self.requisition.posted_returns, self.line(part_id)
        if line.serial_numbers is not None:
            if return_id not in posted and self._return_pieces(store, line, quantity, quality, numbers):
                self.requisition.posted_returns = [*posted, return_id]
            return
        not_out = max(quantity - line.out, NONE)
        if return_id in posted or not_out > line.reserved + store.free(part_id):
            return
        self._issue_again(store, line, not_out)
        rest = quantity
        for held, shelf in self._held(store, part_id):
            back = min(held.out, rest)
            if back:
                target = shelf if quality is Quality.GOOD else store.shelf(store.bad_warehouse(), part_id)
                store.put_back("return", target, back, self._leave(held, back), self.document)
                line.returned += back
                rest -= back
        self.requisition.posted_returns = [*posted, return_id]

    def _return_pieces(self, store: Store, line: RequisitionLine, quantity: Decimal, quality: Quality, numbers: Sequence[str]) -> bool:
        """The pieces themselves come back, those taken back meanwhile after they are issued again; False where one is elsewhere."""
        pieces = [piece for number in numbers if (piece := store.piece(line.part_id, number))]
        out = store.pieces_out(line.part_id, self.requisition.work_order_id)
        not_out = [piece for piece in pieces if piece not in out]
        if len(pieces) != quantity or repeated(numbers) is not None or len(not_out) > max(quantity - line.out, NONE):
            return False
        try:
            if not_out:
                self.issue_pieces(store, line, not_out)
        except (InsufficientStock, SerialConflict):
            return False
        for piece in pieces:
            held, shelf = self._origin(store, piece)
            target = shelf if quality is Quality.GOOD else store.shelf(store.bad_warehouse(), line.part_id)
            store.put_back("return", target, Decimal(1), self._leave(held, Decimal(1)), self.document, [piece])
            self._away(line, piece)
            line.returned += 1
        return True

    def _origin(self, store: Store, piece: Piece) -> tuple[Allocation, Shelf]:
        """Where a piece that is out lay before."""
        assert piece.warehouse_id is not None
        return self.allocations[piece.part_id, piece.warehouse_id], store.shelf(piece.warehouse_id, piece.part_id)

    def _away(self, line: RequisitionLine, piece: Piece) -> None:
        line.serial_numbers = [number for number in line.serial_numbers or () if number != piece.number]

    def _issue_again(self, store: Store, line: RequisitionLine, quantity: Decimal) -> None:
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
        """The line's allocations with their shelves, by code of the warehouse."""
        found = [
            (held, store.shelf(warehouse_id, part_id))
            for (part, warehouse_id), held in self.allocations.items()
            if part == part_id
        ]
        return sorted(found, key=lambda pair: pair[1].place.code)

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
        """Settle lines and state, and announce the result if it differs from what was announced before."""
        requisition = self.requisition
        for line in self.lines.values():
            line.settle(now)
        state = self._state()
        if state is not requisition.state:
            MACHINE.fire(requisition, action, by, to=state)
        current = self.snapshot()
        if current != (requisition.announced or NOTHING):
            requisition.announced = current
            requisition.record("changed")

    def _state(self) -> State:
        requisition, lines = self.requisition, self.lines.values()
        if requisition.cancelled or (
            requisition.quote_version is not None and not any(line.needed for line in lines)
        ):
            return State.DONE
        if requisition.quote_version is None:
            return State.DRAFT
        if any(line.missing for line in lines):
            return State.APPLIED
        return State.PROCESSING if any(line.to_issue for line in lines) else State.OUT

    def snapshot(self) -> Announced:
        lines = [line for _, line in sorted(self.lines.items()) if not line.empty]
        return {
            "quote_version": self.requisition.quote_version,
            "reserved_all": not any(line.missing for line in lines),
            "issued_all": not any(line.to_issue for line in lines),
            "issued_any": any(line.out for line in lines),
            "cancelled": self.requisition.cancelled,
            "lines": [_announced(line) for line in lines],
            "summary": _summary(lines),
        }


def _announced(line: RequisitionLine) -> AnnouncedLine:
    shown: AnnouncedLine = {
        "part_id": str(line.part_id),
        "needed": number(line.needed),
        "reserved": number(line.reserved),
        "issued": number(line.issued),
        "returned": number(line.returned),
    }
    if line.serial_numbers is not None:
        shown["serial_numbers"] = line.serial_numbers
    return shown


def _summary(lines: Iterable[RequisitionLine]) -> str:
    """One line for people: how much of what is needed is reserved and out."""
    totals = {"needed": NONE, "reserved": NONE, "out": NONE}
    for line in lines:
        for name in totals:
            totals[name] += getattr(line, name)
    needed, reserved, out = (number(total) for total in totals.values())
    return f"需 {needed} · 预留 {reserved} · 出库 {out} (needed {needed}, reserved {reserved}, out {out})"


NOTHING: Announced = {
    "quote_version": None,
    "reserved_all": True,
    "issued_all": True,
    "issued_any": False,
    "cancelled": False,
    "lines": [],
    "summary": _summary([]),
}
