"""Read copy of orders' sites, and the lock under which a site's stock is changed."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, ReadCopy, Scoped
from chassis.db.uow import UnitOfWork


class SiteCopy(Base, ReadCopy, Scoped):
    __tablename__ = "site_copies"

    code: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    time_zone: Mapped[str]


def lock_site(uow: UnitOfWork, site_id: UUID) -> SiteCopy | None:
    """The site, locked until commit; None when its copy has not arrived. Whoever changes stock or reservations of a site
    calls this before anything else: a store room serves one after the other (decision note 0001)."""
    return uow.one(SiteCopy, id=site_id, lock=True)
