"""What a correction changes, as the journal keeps it (R-05): names, and values before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.orders.devices import Decision
from services.orders.kernel import Document

if TYPE_CHECKING:
    from services.orders.repairs.work_order import WorkOrder

DERIVED = {"org_path", "time_zone", "product_id", "appointment_start", "appointment_end"}
"""What follows from another member, which tells it."""


def changes(order: WorkOrder, fields: Document, decision: Decision | None) -> list[Document]:
    """One entry for each member that will differ. People are told by id alone: their names are looked up where it is read, so
    that who is erased (C-04) is erased here as well."""
    found = [
        {"field": name, "from": _plain(getattr(order, name)), "to": _plain(value)}
        for name, value in fields.items()
        if name not in DERIVED and getattr(order, name) != value
    ]
    if decision and (decision.coverage, list(decision.lines)) != (order.coverage, order.coverage_reason):
        found.append({"field": "coverage", "from": order.coverage.value, "to": decision.coverage.value})
    return found


def facts(order: WorkOrder, changed: list[Document]) -> Document:
    """What the event says besides the order as it will be; asked before it is. ``former_…`` only of what it leaves."""
    names = [change["field"] for change in changed]
    return {
        "corrected": names,
        "former_path": order.org_path if "site_id" in names else None,
        "former_customer_id": order.customer_id if "customer_id" in names else None,
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
