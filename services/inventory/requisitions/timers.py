"""What was kept until a moment that has passed."""

from __future__ import annotations

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every
from services.inventory.requisitions import usecases


@every(seconds=5)
def free_what_is_no_longer_held(uow: UnitOfWork) -> None:
    usecases.expire(uow)
