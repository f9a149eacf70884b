"""What nobody waits for any more."""

from __future__ import annotations

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every
from services.orders.repairs import quick_jobs


@every(seconds=5)
def give_up_quick_jobs(uow: UnitOfWork) -> None:
    for work_order_id in quick_jobs.abandoned(uow):
        quick_jobs.lapse(uow, work_order_id)
