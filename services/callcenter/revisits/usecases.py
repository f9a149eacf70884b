"""What can be done with revisit tasks."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event, Retry
from services.callcenter.follow_ups import FollowUp
from services.callcenter.parameters import revisit_after_days
from services.callcenter.revisits.copies import SiteCopy
from services.callcenter.revisits.revisit import Revisit


def plan_revisit(uow: UnitOfWork, event: Event) -> None:
    """C-40. Make the task of a completed work order, once: a second telling changes nothing."""
    order = event.data
    work_order_id, site_id = UUID(order["id"]), UUID(order["site_id"])
    if uow.one(Revisit, work_order_id=work_order_id):
        return
    site = uow.one(SiteCopy, id=site_id)
    if site is None:  # the site's own event was overtaken; its zone decides the day
        raise Retry(f"site {site_id} is not known yet")
    completed_at = datetime.fromisoformat(order["completed_at"])
    revisit = Revisit(
        org_path=event.org_path,
        work_order_id=work_order_id,
        work_order_number=order["number"],
        site_id=site_id,
        customer_id=UUID(order["customer_id"]) if order["customer_id"] else None,
        completed_on=completed_at.astimezone(ZoneInfo(site.time_zone)).date(),
    )
    revisit.plan(revisit_after_days(uow), uow.actor)
    uow.add(revisit)


def record(
    uow: UnitOfWork, revisit_id: UUID, solved: bool, score: int | None = None, comment: str | None = None
) -> Revisit:
    """C-40. Final; a second record raises BadTransition. What is not solved is followed up, and the order stays completed."""
    revisit = uow.get(Revisit, revisit_id)
    revisit.note(solved, score, comment, uow.actor, uow.now)
    if not solved:
        same = ("work_order_id", "work_order_number", "site_id", "customer_id", "org_path", "comment")
        follow_up = FollowUp(revisit_id=revisit.id, **{name: getattr(revisit, name) for name in same})
        follow_up.open(uow.actor)
        uow.add(follow_up)
    return revisit
