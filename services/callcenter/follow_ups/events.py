"""Events published about follow-ups."""

from dataclasses import dataclass
from uuid import UUID

from chassis.domain.events import event


@event("aftersales.callcenter.follow_up.opened.v1")
@dataclass(frozen=True, slots=True)
class FollowUpOpened:
    work_order_id: UUID
    comment: str | None


@event("aftersales.callcenter.follow_up.closed.v1")
@dataclass(frozen=True, slots=True)
class FollowUpClosed:
    """``solved`` false: the manager closed it all the same, for the reason given."""

    work_order_id: UUID
    solved: bool
    reason: str | None
