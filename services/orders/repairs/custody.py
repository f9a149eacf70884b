"""Where the device of an order is (O-101): at its own site, on the road, or at another site. Rules of the aggregate, like its methods;
hand-over slips (routes/) call them with the order locked."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from chassis.domain.aggregate import Journal
from chassis.domain.custody import Side
from chassis.domain.errors import BadTransition, HeldElsewhere
from services.orders.kernel import Document
from services.orders.masters import DirectoryEntry
from services.orders.repairs.states import State

if TYPE_CHECKING:
    from services.orders.repairs.work_order import WorkOrder

SENT = {State.REGISTERED, State.IN_REPAIR, State.IN_CHECK, State.READY}
"""States in which a device may be sent to another site; back it comes in any."""


def place_of(order: WorkOrder) -> UUID:
    """The site that has the device: whose technicians repair it, whose store gives parts."""
    return order.held_site_id or order.site_id


def at_hand(order: WorkOrder) -> bool:
    """Whether who has loaded the order has its device."""
    return order.reader is None or Side.HOLDER in order.sides(order.reader)


def sendable(order: WorkOrder) -> bool:
    return order.state in SENT and order.kind == "repair"


def require_sendable(order: WorkOrder) -> None:
    """Raises BadTransition, and HeldElsewhere to who has not got it."""
    if not sendable(order):
        raise BadTransition(order.state, order.machine.allowed(order, order.reader), "send")
    if not at_hand(order):
        raise HeldElsewhere()


def ship(order: WorkOrder, to: DirectoryEntry, action: str, by: str, data: Document) -> None:
    """It leaves the hands of whoever has it, who stays answerable for it until it is received."""
    order.bound_site_id, order.bound_path = to.id, to.path
    _told(order, action, by, data, left=None)


def stay(order: WorkOrder, action: str, by: str, data: Document, why: str | None = None) -> None:
    """It is not on the road any more and where it was: refused, or taken back."""
    left = order.bound_path
    order.bound_site_id = order.bound_path = None
    _told(order, action, by, data, left, why)


def arrive(order: WorkOrder, action: str, by: str, data: Document) -> None:
    """The addressee has it. The technician of the site that it left has nothing to do with it any more."""
    assert order.bound_site_id is not None
    left = order.held_path
    home = order.bound_path == order.org_path
    order.held_site_id, order.held_path = (None, None) if home else (order.bound_site_id, order.bound_path)
    order.bound_site_id = order.bound_path = None
    order.technician_id = order.appointment_start = order.appointment_end = None
    _told(order, action, by, data, left)


def note(order: WorkOrder, action: str, by: str, data: Document, why: str | None = None) -> None:
    """It stays on the road, and something is to be said about it: lost, found."""
    order.journal(Journal(action, by, order.state, order.state, why, data))
    order.record("custody_changed", left_path=None)


def _told(order: WorkOrder, action: str, by: str, data: Document, left: str | None, why: str | None = None) -> None:
    order.journal(Journal(action, by, order.state, order.state, why, data))
    seen = {order.org_path, order.held_path, order.bound_path}
    order.record("custody_changed", left_path=None if left in seen else left)
