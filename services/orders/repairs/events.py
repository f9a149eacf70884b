"""Facts about a repair order. All verbs carry the same state, so a reader that knows the newest knows everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.domain.events import event


@dataclass(frozen=True, slots=True)
class WorkOrderFact:
    """The order as of this event. ``needed``, ``returns`` and ``billing`` as described in contracts/README.md."""

    id: UUID
    number: str
    kind: str
    channel: str
    state: str
    waiting_for: str | None
    site_id: UUID
    customer_id: UUID | None
    device_id: UUID | None
    technician_id: UUID | None
    coverage: str
    quote_version: int
    approved_version: int | None
    needed: list[dict[str, Any]]
    repaired: bool
    returns: list[dict[str, Any]]
    promised_at: datetime | None
    registered_at: datetime
    ready_at: datetime | None
    completed_at: datetime | None
    billing: dict[str, Any] | None


@event("aftersales.orders.work_order.registered.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderRegistered(WorkOrderFact):
    """Taken in at a site."""


@event("aftersales.orders.work_order.assigned.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderAssigned(WorkOrderFact):
    """Given to a technician of the site."""


@event("aftersales.orders.work_order.started.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderStarted(WorkOrderFact):
    """Repair began."""


@event("aftersales.orders.work_order.diagnosed.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderDiagnosed(WorkOrderFact):
    """Symptom and cause found, coverage decided again."""


@event("aftersales.orders.work_order.quoted.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderQuoted(WorkOrderFact):
    """A new quote version; approved at once when the customer owes nothing."""


@event("aftersales.orders.work_order.quote_approved.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderQuoteApproved(WorkOrderFact):
    """The customer agreed to the quote."""


@event("aftersales.orders.work_order.quote_rejected.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderQuoteRejected(WorkOrderFact):
    """The customer refused the quote."""


@event("aftersales.orders.work_order.parts_reserved.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderPartsReserved(WorkOrderFact):
    """Inventory holds every part of the approved quote."""


@event("aftersales.orders.work_order.repaired.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderRepaired(WorkOrderFact):
    """The technician is done; what is needed is to be issued."""


@event("aftersales.orders.work_order.check_failed.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderCheckFailed(WorkOrderFact):
    """The check sent it back to repair."""


@event("aftersales.orders.work_order.ready.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderReady(WorkOrderFact):
    """Checked and ready to collect; ``billing`` says what is to be billed."""


@event("aftersales.orders.work_order.parts_returned.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderPartsReturned(WorkOrderFact):
    """Issued parts come back to the store."""


@event("aftersales.orders.work_order.completed.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderCompleted(WorkOrderFact):
    """Handed over to the customer."""


@event("aftersales.orders.work_order.revisited.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderRevisited(WorkOrderFact):
    """The customer was asked after the repair."""


@event("aftersales.orders.work_order.audited.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderAudited(WorkOrderFact):
    """Closed for good."""


@event("aftersales.orders.work_order.cancelled.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderCancelled(WorkOrderFact):
    """Ended without repair; nothing is needed any more."""


@event("aftersales.orders.work_order.corrected.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderCorrected(WorkOrderFact):
    """What was taken down wrongly was put right: the names of what differs now, and from whom and where the order has gone."""

    corrected: list[str]
    former_path: str | None
    former_customer_id: UUID | None


@event("aftersales.orders.work_order.unaudited.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderUnaudited(WorkOrderFact):
    """Opened again; the bill of ``billing.round`` is to be reversed."""

    reason: str


@event("aftersales.orders.work_order.rebilled.v1")
@dataclass(frozen=True, slots=True)
class WorkOrderRebilled(WorkOrderFact):
    """The next settlement round: ``billing`` says what is to be billed now."""
