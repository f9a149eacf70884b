"""What a company sets that requisitions read (G-16); what ships stands in gateway/settings/parameters.yaml."""

from __future__ import annotations

from chassis.db.uow import UnitOfWork
from services.inventory.requisitions.copies import ParameterCopy
from services.inventory.requisitions.sheet import Sheet

KEYS = ("requisition.recipient_required",)


def recipient_required(uow: UnitOfWork) -> bool:
    """Whether parts go out to somebody named only (I-50); off until it is switched on."""
    known = uow.one(ParameterCopy, key="requisition.recipient_required")
    return bool(known.value) if known else False


def may_go_out(uow: UnitOfWork, sheet: Sheet) -> bool:
    """Whether what is reserved may leave by itself: somebody takes it, or nobody has to be named."""
    named = sheet.requisition.technician_id is not None
    return named or not any(line.reserved for line in sheet.lines.values()) or not recipient_required(uow)
