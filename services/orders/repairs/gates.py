"""Gates of a repair order: what an action asks of facts of other services. One rule refuses the action and tells beforehand
that it would be refused; a refusal that such a fact may lift is marked ``waiting()``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from chassis.domain import folding
from chassis.domain.errors import DomainError
from services.orders.kernel import quantity
from services.orders.repairs import announcing
from services.orders.repairs.errors import (
    BillOpen,
    NotOverdue,
    PartsNotIssued,
    PartsNotReturned,
    QuoteMissing,
)
from services.orders.repairs.facts import Bill, Parts

if TYPE_CHECKING:
    from services.orders.repairs.work_order import WorkOrder


def complete(order: WorkOrder, parts: Parts | None, bill: Bill | None = None) -> None:
    """An approved quote, and every part of it reserved (O-94); pieces with a serial number are out already (I-22), and no requisition made by hand
    is still a draft."""
    if order.approved_version is None:
        quotes = [{"version": order.quote.version, "state": order.quote.state.value}] if order.quote else []
        raise QuoteMissing(quotes=quotes)
    need(order, parts, "reserved_all")
    if unissued := by_serial(order, parts):
        raise PartsNotIssued(parts=unissued).waiting()
    if parts and parts.drafts:
        raise PartsNotIssued(requisitions=parts.drafts).waiting()


def hand_over(order: WorkOrder, parts: Parts | None, bill: Bill | None) -> None:
    """The bill is known and the customer's part of it paid."""
    if bill is None or bill.open_amount > 0:
        raise BillOpen(bills=[bill.shown()] if bill else []).waiting()


def cancel(order: WorkOrder, parts: Parts | None, bill: Bill | None = None) -> None:
    """No part is out. Between completion and check inventory is issuing: what is still needed counts as out before it says so."""
    out: dict[str, Decimal] = {**(order.needed() if order.repaired else {}), **parts_out(order, parts)}
    if out:
        raise PartsNotReturned(parts=announcing.lines(out)).waiting()


def return_unrepaired(order: WorkOrder, parts: Parts | None, bill: Bill | None = None) -> None:
    """No part of an earlier quote is out, nor may still go out: inventory has followed the quote that was refused."""
    if held_in_store(order, parts):
        raise PartsNotReturned(parts=announcing.lines(parts_out(order, parts))).waiting()


def overdue(order: WorkOrder, now: datetime, days: float) -> None:
    """Ready for more than so many days, and nobody came for it."""
    due = order.ready_at and order.ready_at + timedelta(days=days)
    if due is None or now < due:
        raise NotOverdue(overdue_at=due)


def parts_out(order: WorkOrder, parts: Parts | None) -> dict[str, Decimal]:
    """Parts by id that left the store and have not come back. Our own returns may not have reached inventory yet."""
    if parts is None:
        return {}
    ours: dict[str, Decimal] = {}
    for item in order.sections.returns:
        ours[str(item.part_id)] = ours.get(str(item.part_id), Decimal(0)) + item.quantity
    left = {
        line["part_id"]: quantity(line["issued"]) - max(quantity(line["returned"]), ours.get(line["part_id"], Decimal(0)))
        for line in parts.lines
    }
    return {part_id: rest for part_id, rest in left.items() if rest > 0}


def by_serial(order: WorkOrder, parts: Parts | None) -> list[dict[str, Any]]:
    """Lines whose pieces go out by serial number only, and are needed and not out."""
    needed, out = order.needed(), parts_out(order, parts)
    lines = parts.lines if parts and needed else []
    return [line for line in lines if "serial_numbers" in line and needed.get(line["part_id"], 0) > out.get(line["part_id"], 0)]


def pieces_out(order: WorkOrder, parts: Parts | None) -> dict[str, dict[str, str]]:
    """Of parts that are tracked by serial number: the numbers that are out, by part and key. Our own last returns may not have reached
    inventory yet."""
    found: dict[str, dict[str, str]] = {}
    for line in parts.lines if parts else ():
        if "serial_numbers" in line:
            out = {folding.identifier(text): text for text in line["serial_numbers"]}
            ours = [item for item in order.sections.returns if str(item.part_id) == line["part_id"]]
            untold = sum((item.quantity for item in ours), Decimal(0)) - quantity(line["returned"])
            for item in reversed(ours):
                if untold > 0:
                    untold -= item.quantity
                    for text in item.serial_numbers or ():
                        out.pop(folding.identifier(text), None)
            found[line["part_id"]] = out
    return found


def held_in_store(order: WorkOrder, parts: Parts | None) -> bool:
    """Whether something is reserved or out for it, as far as inventory has told; also when it has not told yet."""
    if order.promised_at is None:
        return False  # inventory was never asked for anything
    if parts is None or parts.quote_version != order.approved_version:
        return True
    return parts.reserved_any or bool(parts_out(order, parts))


def need(order: WorkOrder, parts: Parts | None, what: str) -> None:
    """Every needed part is ``reserved_all`` or ``issued_all`` for the approved version, else wait for inventory."""
    needed = order.needed()
    known = parts is not None and parts.quote_version == order.approved_version
    if needed and not (known and getattr(parts, what)):
        lines = [line for line in parts.lines if line["part_id"] in needed] if parts and known else announcing.lines(needed)
        raise PartsNotIssued(parts=lines).waiting()


# By action. A check that may also fail the repair is none: it is never refused altogether.
GATES = {"complete": complete, "hand-over": hand_over, "cancel": cancel, "return-unrepaired": return_unrepaired}


def shut(order: WorkOrder, actions: Iterable[str], parts: Parts | None, bill: Bill | None) -> list[tuple[str, DomainError]]:
    """The actions among these that would be refused now, each with its refusal."""
    found = []
    for action in actions:
        try:
            if gate := GATES.get(action):
                gate(order, parts, bill)
        except DomainError as refused:
            found.append((action, refused))
    return found
