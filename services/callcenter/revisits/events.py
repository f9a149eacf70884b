"""Events published about revisit tasks."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from chassis.domain.events import event


@event("aftersales.callcenter.revisit.created.v1")
@dataclass(frozen=True, slots=True)
class RevisitCreated:
    work_order_id: UUID
    due_on: date


@event("aftersales.callcenter.revisit.recorded.v1")
@dataclass(frozen=True, slots=True)
class RevisitRecorded:
    work_order_id: UUID
    solved: bool
    score: int | None
    comment: str | None
