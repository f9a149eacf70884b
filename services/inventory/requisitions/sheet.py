"""A requisition with its lines in hand: the rules of reserving, issuing, returning and taking back (I-24, I-50, I-51).

Pure: works on lines and on the store room in memory; what it adds is saved by the use case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from chassis.domain.aggregate import new_id
from services.inventory.kernel import NONE, number
from services.inventory.requisitions.requisition import (
    MACHINE,
    Allocation,
    Announced,
    Requisition,
    RequisitionLine,
    State,
)
from services.inventory.stock import Document, Quality, Shelf, Store, share


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
        """Hand out what is reserved; what is short follows when it arrives."""
        for line in self.lines.values():
            self._issue_reserved(store, line, min(line.reserved, line.to_issue))

    def take_back(self, store: Store) -> None:
        """What is out beyond the need had crossed with a cancel or a smaller quote: its issue is undone."""
        for line in self.lines.values():
            excess = line.out - line.needed
            for held, shelf in reversed(self._held(store, line.part_id)):
                back = min(held.out, max(excess, NONE))
                if back:
                    store.put_back("take_back", shelf, back, self._leave(held, back), self.document)
                    line.issued -= back
                    excess -= back

    def post_return(
        self, store: Store, return_id: str, part_id: UUID, quantity: Decimal, quality: Quality
    ) -> None:
        """Post a return of the order once (I-51): good parts to the warehouse they came from, bad ones to the bad one.

        A return may find its part already taken back. The part had been out after all, so it is issued again first. If
        somebody else has it by now nothing is posted: out and needed agree already, and a later event tries again.
        """
        posted, line = self.requisition.posted_returns, self.line(part_id)
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
        self, store: Store, line: RequisitionLine, held: Allocation, shelf: Shelf, quantity: Decimal
    ) -> None:
        held.out_value += store.issue(shelf, quantity, self.document)
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
            "lines": [
                {
                    "part_id": str(line.part_id),
                    "needed": number(line.needed),
                    "reserved": number(line.reserved),
                    "issued": number(line.issued),
                    "returned": number(line.returned),
                }
                for line in lines
            ],
            "summary": _summary(lines),
        }


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
