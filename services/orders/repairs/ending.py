"""How a repair order ends without its repair (O-85): cancelled, back to its customer as it came, or collected by nobody. Rules of
the aggregate, like its methods; a use case calls them with the order locked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from chassis.domain.aggregate import Journal
from services.orders.kernel import Document
from services.orders.repairs import announcing, gates
from services.orders.repairs.billing import Billing
from services.orders.repairs.errors import BillExists
from services.orders.repairs.facts import Bill, Parts
from services.orders.repairs.quote import QuoteState
from services.orders.repairs.states import State, Wait

if TYPE_CHECKING:
    from services.orders.repairs.work_order import WorkOrder


def return_unrepaired(order: WorkOrder, billing: Billing, parts: Parts | None, now: datetime, by: str) -> None:
    """The customer refused, and takes it back as it is: ready to collect, and billed the fee for the diagnosis or 0.00."""
    order.machine.require(order, "return-unrepaired")
    gates.return_unrepaired(order, parts)
    totals = {"customer_total": billing["customer_total"], "currency": billing["currency"]}
    order.machine.fire(order, "return-unrepaired", by, data=totals)
    order.unrepaired, order.waiting_for, order.ready_at, order.billing = True, None, now, billing
    order.record("unrepaired")


def note_overdue(order: WorkOrder, now: datetime, by: str) -> None:
    """It should have been collected by now: said once, changes nothing else."""
    order.uncollected_told_at = now
    order.journal(Journal("overdue", by, order.state, order.state))
    order.record("overdue")


def close_uncollected(order: WorkOrder, reason: str, now: datetime, by: str) -> None:
    """Nobody came for it: over without hand-over and revisit. What the customer owes stays open."""
    order.machine.fire(order, "close-uncollected", by, why=reason)
    order.uncollected_reason, order.completed_at = reason, now
    order.record("uncollected")


def cancel(order: WorkOrder, reason: str, parts: Parts | None, bill: Bill | None, by: str, why: Document | None = None) -> None:
    """End without repair; reservations are freed. Not while parts are out, not once billed. Where something may be reserved, and so
    may just have been handed out, inventory is asked first (``cancelling``): its answer ends the order, or brings it back.
    ``why`` is for the journal, beside the reason in words."""
    if order.state is State.READY:
        raise BillExists(bills=[bill.shown()] if bill else [])
    order.machine.require(order, "cancel")
    gates.cancel(order, parts)
    held = gates.held_in_store(order, parts)
    order.machine.fire(order, "cancel", by, to=State.CANCELLING if held else State.CANCELLED, why=reason, data=why)
    order.waiting_for, order.cancel_reason = None, reason
    if held:
        order.record("cancelling")
    else:
        _cancelled(order)


def end_cancel(order: WorkOrder, parts: Parts, by: str) -> None:
    """Inventory reserves nothing any more: the order ends, or goes back to where it stood when parts turn out to be out."""
    if out := gates.parts_out(order, parts):
        back = State.IN_CHECK if order.repaired else State.IN_REPAIR
        order.machine.fire(order, "refuse_cancel", by, to=back, data={"parts": announcing.lines(out)})
        order.cancel_reason, order.waiting_for = None, _wait(order)
        order.record("cancel_refused")
    else:
        order.machine.fire(order, "confirm_cancel", by)
        _cancelled(order)


def _cancelled(order: WorkOrder) -> None:
    order.approved_version, order.repaired = None, False
    order.appointment_start = order.appointment_end = None
    order.record("cancelled")


def _wait(order: WorkOrder) -> Wait | None:
    """Whom an order in repair waits for by its quote; parts are asked for anew."""
    answers = {QuoteState.WAITING: Wait.APPROVAL, QuoteState.REJECTED: Wait.CUSTOMER}
    if order.repaired or order.quote is None:
        return None
    return answers.get(order.quote.state, Wait.PARTS if order.needed() else None)
