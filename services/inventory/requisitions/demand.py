"""All that one work order asks of the store, in hand: its supply row and its requisitions; or one requisition without an order.

Pure, as ``sheet.py``: which requisition gets what of the order's need, which one a return belongs to, and what the order is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from chassis.db.base import Held
from services.inventory.kernel import NONE, number
from services.inventory.requisitions.requisition import RequisitionLine
from services.inventory.requisitions.sheet import Sheet
from services.inventory.requisitions.supply import Announced, AnnouncedLine, Supply
from services.inventory.stock import (
    InsufficientStock,
    Piece,
    Quality,
    SerialConflict,
    SiteCopy,
    Store,
    repeated,
)


@dataclass
class Sums:
    """Of one part over the requisitions that draw on the quote. ``serial_numbers``: those that are out; None for a part without."""

    needed: Decimal = NONE
    reserved: Decimal = NONE
    issued: Decimal = NONE
    returned: Decimal = NONE
    serial_numbers: list[str] | None = None

    def add(self, line: RequisitionLine) -> None:
        self.needed += line.needed
        self.reserved += line.kept
        self.issued += line.issued
        self.returned += line.returned
        if line.serial_numbers is not None:
            self.serial_numbers = sorted([*(self.serial_numbers or ()), *line.serial_numbers])

    def told(self, part_id: UUID) -> AnnouncedLine:
        told: AnnouncedLine = {
            "part_id": str(part_id),
            "needed": number(self.needed),
            "reserved": number(self.reserved),
            "issued": number(self.issued),
            "returned": number(self.returned),
        }
        if self.serial_numbers is not None:
            told["serial_numbers"] = self.serial_numbers
        return told


class Demand:
    def __init__(self, supply: Supply | None, sheets: Iterable[Sheet]) -> None:
        """``sheets``: in the order they were made."""
        self.supply = supply
        self.sheets = {sheet.requisition.id: sheet for sheet in sheets}

    def __iter__(self) -> Iterator[Sheet]:
        return iter(self.sheets.values())

    @property
    def planned(self) -> Sheet:
        return next(sheet for sheet in self if sheet.requisition.planned)

    @property
    def drawing(self) -> list[Sheet]:
        """Those that draw on the order's quote: by hand first, as they were made, the planned one last."""
        return sorted((sheet for sheet in self if sheet.requisition.draws), key=lambda sheet: sheet.requisition.planned)

    def part_ids(self) -> set[UUID]:
        return {part_id for sheet in self for part_id in sheet.lines}

    @property
    def has_pieces(self) -> bool:
        """Whether a part of it is tracked by serial number, as far as it has seen one."""
        return any(line.serial_numbers is not None for sheet in self for line in sheet.lines.values())

    # ------------------------------------------------------------------ who gets what of the need
    def needed(self) -> dict[UUID, Decimal]:
        """What the order needs, as it is divided now."""
        found: dict[UUID, Decimal] = {}
        for sheet in self.drawing:
            for part_id, line in sheet.lines.items():
                found[part_id] = found.get(part_id, NONE) + line.needed
        return found

    def divide(self, needed: Mapping[UUID, Decimal]) -> None:
        """The order's need over its requisitions: first what each has out, then what was asked for by hand, oldest first; the rest is planned.
        A requisition that is nothing to the quote needs what it asks."""
        *by_hand, planned = self.drawing
        left, got = dict(needed), [dict[UUID, Decimal]() for _ in (*by_hand, planned)]

        def give(to: dict[UUID, Decimal], part_id: UUID, most: Decimal) -> None:
            given = min(most - to.get(part_id, NONE), left.get(part_id, NONE))
            if given > 0:
                to[part_id] = to.get(part_id, NONE) + given
                left[part_id] -= given

        for sheet, to in zip((*by_hand, planned), got, strict=True):
            for part_id in sheet.lines:
                give(to, part_id, sheet.out(part_id))
        for sheet, to in zip(by_hand, got, strict=False):
            for part_id, asked in sheet.asks().items():
                give(to, part_id, asked)
        for part_id in needed:
            give(got[-1], part_id, got[-1].get(part_id, NONE) + left[part_id])
        for sheet, to in zip((*by_hand, planned), got, strict=True):
            sheet.need(to)
        self.need_apart()

    def need_apart(self) -> None:
        for sheet in self:
            if sheet.requisition.apart:
                sheet.need(sheet.asks())

    def void(self) -> None:
        """The order is cancelled, and with it what was asked by hand; what is apart from its quote and out stays out until it comes back."""
        for sheet in self:
            if sheet.requisition.apart and any(line.out for line in sheet.lines.values()):
                sheet.ask({part_id: line.issued for part_id, line in sheet.lines.items()})
            else:
                sheet.requisition.cancelled = True

    # ------------------------------------------------------------------ where the order's device is
    def stand(self, place: SiteCopy, bound: SiteCopy | None) -> None:
        """With ``place``, which has the device, and while it is on the road on its way to ``bound``: whoever these are sees all of it."""
        assert self.supply is not None
        documents: list[Held] = [self.supply, *(sheet.requisition for sheet in self)]
        for document in documents:
            home = document.org_path == place.org_path
            document.held_site_id, document.held_path = (None, None) if home else (place.id, place.org_path)
            document.bound_site_id, document.bound_path = (bound.id, bound.org_path) if bound else (None, None)

    # ------------------------------------------------------------------ what comes back to the order
    def post_return(
        self, store: Store, return_id: str, part_id: UUID, quantity: Decimal, quality: Quality, numbers: Sequence[str] = ()
    ) -> None:
        """Post a return of the order once (I-51): good parts to the warehouse they came from, bad ones to the bad one.

        A return may find its part already taken back. The part had been out after all, so it is issued again first. If
        somebody else has it by now nothing is posted: out and needed agree already, and a later event tries again.
        """
        assert self.supply is not None
        if return_id in self.supply.posted_returns:
            return
        sheets, line = self.drawing[::-1], self.planned.line(part_id)
        if any(part_id in sheet.lines and sheet.lines[part_id].serial_numbers is not None for sheet in sheets):
            posted = self._return_pieces(store, part_id, quantity, quality, numbers)
        else:
            not_out = max(quantity - sum((sheet.out(part_id) for sheet in sheets), NONE), NONE)
            if posted := not_out <= line.reserved + store.free(part_id):
                self.planned.issue_again(store, line, not_out)
                for sheet in sheets:
                    quantity -= sheet.give_back(store, part_id, quantity, quality)
        if posted:
            self.supply.posted_returns = [*self.supply.posted_returns, return_id]

    def _return_pieces(self, store: Store, part_id: UUID, quantity: Decimal, quality: Quality, numbers: Sequence[str]) -> bool:
        """The pieces themselves come back, those taken back meanwhile after they are issued again; False where one is elsewhere."""
        pieces = [piece for text in numbers if (piece := store.piece(part_id, text))]
        not_out, line = [piece for piece in pieces if self._has(store, piece) is None], self.planned.line(part_id)
        out = sum((sheet.out(part_id) for sheet in self.drawing), NONE)
        if len(pieces) != quantity or repeated(numbers) is not None or len(not_out) > max(quantity - out, NONE):
            return False
        try:
            if not_out:
                self.planned.issue_pieces(store, line, not_out)
        except (InsufficientStock, SerialConflict):
            return False
        for piece in pieces:
            sheet = self._has(store, piece)
            assert sheet is not None
            sheet.give_back_pieces(store, sheet.lines[part_id], [piece], quality)
        return True

    def _has(self, store: Store, piece: Piece) -> Sheet | None:
        """The requisition that the piece is out of."""
        having = (sheet for sheet in self.drawing if piece.part_id in sheet.lines)
        return next((sheet for sheet in having if piece in sheet.pieces_out(store, sheet.lines[piece.part_id])), None)

    # ------------------------------------------------------------------ what the order is told
    def announce(self) -> None:
        """Once, when it differs from what was announced last."""
        if self.supply is not None:
            current = self.snapshot(self.supply)
            if current != (self.supply.announced or NOTHING):
                self.supply.announced = current
                self.supply.record("changed")

    def snapshot(self, supply: Supply) -> Announced:
        rows = [line for sheet in self.drawing for line in sheet.lines.values() if not line.empty]
        sums: dict[UUID, Sums] = {}
        for line in rows:
            sums.setdefault(line.part_id, Sums()).add(line)
        return {
            "quote_version": supply.quote_version,
            "reserved_all": not any(line.missing for line in rows),
            "issued_all": not any(line.to_issue for line in rows),
            "issued_any": any(line.out for line in rows),
            "cancelled": supply.cancelled,
            "lines": [sums[part_id].told(part_id) for part_id in sorted(sums)],
            "drafts": [{"id": str(id), "type": sheet.requisition.type} for id, sheet in sorted(self.sheets.items()) if sheet.requisition.unapplied],
            "summary": _summary(sums.values()),
        }

    def conclude(self, actions: Mapping[UUID, str], by: str, now: datetime) -> None:
        """Settle every requisition, and tell the order. ``actions``: what was done to which; the others were served."""
        for id, sheet in self.sheets.items():
            sheet.conclude(actions.get(id, "serve"), by, now)
        self.announce()


def _summary(sums: Collection[Sums]) -> str:
    """One line for people: how much of what is needed is reserved and out."""
    needed = number(sum((of.needed for of in sums), NONE))
    reserved = number(sum((of.reserved for of in sums), NONE))
    out = number(sum((of.issued - of.returned for of in sums), NONE))
    return f"需 {needed} · 预留 {reserved} · 出库 {out} (needed {needed}, reserved {reserved}, out {out})"


NOTHING: Announced = {
    "quote_version": None,
    "reserved_all": True,
    "issued_all": True,
    "issued_any": False,
    "cancelled": False,
    "lines": [],
    "drafts": [],
    "summary": _summary([]),
}
