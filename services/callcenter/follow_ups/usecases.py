"""How a follow-up ends. It is opened where a revisit is recorded (revisits/usecases.py)."""

from uuid import UUID

from chassis.db.uow import UnitOfWork
from services.callcenter.follow_ups.follow_up import FollowUp


def solve(uow: UnitOfWork, follow_up_id: UUID) -> FollowUp:
    found = uow.get(FollowUp, follow_up_id)
    found.solve(uow.actor, uow.now)
    return found


def close(uow: UnitOfWork, follow_up_id: UUID, reason: str) -> FollowUp:
    found = uow.get(FollowUp, follow_up_id)
    found.close(reason, uow.actor, uow.now)
    return found
