"""Events published about requisitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.domain.events import event


@event("aftersales.inventory.requisition.changed.v1")
@dataclass(frozen=True, slots=True)
class RequisitionChanged:
    """All of it as it is now, so the newest is all a reader needs. ``quote_version``: the approved quote the lines answer."""

    work_order_id: UUID
    quote_version: int | None
    reserved_all: bool
    issued_all: bool
    issued_any: bool
    lines: list[dict[str, Any]]
    summary: str
