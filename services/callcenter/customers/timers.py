"""What customers do by the clock."""

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every
from services.callcenter.customers.links import CUSTOMERS


@every(seconds=5)
def links_follow_units(uow: UnitOfWork) -> None:
    """What was linked under the path that a unit has just left, by a request or an event on its way, comes after it (G-11)."""
    CUSTOMERS.follow(uow)
