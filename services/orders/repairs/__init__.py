"""Repair orders (维修单): from intake through diagnosis, quote, repair and check to hand-over, revisit and audit."""

from services.orders.repairs.facts import Bill, Revisit
from services.orders.repairs.states import State
from services.orders.repairs.work_order import WorkOrder

__all__ = ["Bill", "Revisit", "State", "WorkOrder"]
