"""What nobody waits for any more, and what nobody comes for."""

from __future__ import annotations

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every
from services.orders.repairs import exits, quick_jobs


@every(seconds=5)
def give_up_quick_jobs(uow: UnitOfWork) -> None:
    for work_order_id in quick_jobs.abandoned(uow):
        quick_jobs.lapse(uow, work_order_id)


@every(seconds=60)
def tell_overdue(uow: UnitOfWork) -> None:
    exits.tell_overdue(uow)
