"""Gates of a repair order: what an action asks of facts of other services. One rule refuses the action and tells beforehand
that it would be refused; a refusal that such a fact may lift is marked ``waiting()``."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from chassis.domain.errors import DomainError
from services.orders.repairs import announcing
from services.orders.repairs.errors import BillOpen, PartsNotIssued, PartsNotReturned, QuoteMissing
from services.orders.repairs.facts import Bill, Parts

if TYPE_CHECKING:
    from services.orders.repairs.work_order import WorkOrder


def complete(order: WorkOrder, parts: Parts | None, bill: Bill | None = None) -> None:
    """An approved quote, and every part of it reserved (O-94)."""
    if order.approved_version is None:
        quotes = [{"version": order.quote.version, "state": order.quote.state.value}] if order.quote else []
        raise QuoteMissing(quotes=quotes)
    need(order, parts, "reserved_all")


def hand_over(order: WorkOrder, parts: Parts | None, bill: Bill | None) -> None:
    """The bill is known and the customer's part of it paid."""
    if bill is None or bill.open_amount > 0:
        raise BillOpen(bills=[bill.shown()] if bill else []).waiting()


def cancel(order: WorkOrder, parts: Parts | None, bill: Bill | None = None) -> None:
    """No part is out. Between completion and check inventory is issuing: what is still needed counts as out before it says so."""
    out: dict[str, Decimal] = {**(order.needed() if order.repaired else {}), **order.parts_out(parts)}
    if out:
        raise PartsNotReturned(parts=announcing.lines(out)).waiting()


def need(order: WorkOrder, parts: Parts | None, what: str) -> None:
    """Every needed part is ``reserved_all`` or ``issued_all`` for the approved version, else wait for inventory."""
    needed = order.needed()
    known = parts is not None and parts.quote_version == order.approved_version
    if needed and not (known and getattr(parts, what)):
        lines = [line for line in parts.lines if line["part_id"] in needed] if parts and known else announcing.lines(needed)
        raise PartsNotIssued(parts=lines).waiting()


# By action. A check that may also fail the repair is none: it is never refused altogether.
GATES = {"complete": complete, "hand-over": hand_over, "cancel": cancel}


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
