"""Read copies billing needs of other services."""

from uuid import UUID

from sqlalchemy.orm import Mapped

from chassis.db.base import Base, ReadCopy, Scoped
from chassis.db.uow import UnitOfWork
from chassis.domain.events import Retry


class SiteCopy(Base, Scoped, ReadCopy):
    """A service site (网点) of orders: its zone decides the day, and so the month of the number, of a document."""

    __tablename__ = "site_copies"

    code: Mapped[str]
    name: Mapped[str]
    time_zone: Mapped[str]


def site_of(uow: UnitOfWork, site_id: UUID) -> SiteCopy:
    """The site's copy; an event that overtook the site's own is tried again, since the site decides the month."""
    site = uow.one(SiteCopy, id=site_id)
    if site is None:
        raise Retry(f"site {site_id} is not known yet")
    return site
