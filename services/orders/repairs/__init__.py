"""Repair orders (维修单): from intake through diagnosis, quote, repair and check to hand-over, revisit and audit."""

from services.orders.repairs.custody import arrive, note, place_of, require_sendable, ship, stay
from services.orders.repairs.facts import Bill, Revisit
from services.orders.repairs.loading import fetch
from services.orders.repairs.sections import of_order
from services.orders.repairs.states import State
from services.orders.repairs.usecases import free
from services.orders.repairs.work_order import WorkOrder

__all__ = ["Bill", "Revisit", "State", "WorkOrder", "arrive", "fetch", "free", "note", "of_order", "place_of", "require_sendable", "ship", "stay"]
