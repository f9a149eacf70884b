"""Read copy of orders' sites, and the lock under which a site's stock is changed."""

from __future__ import annotations

from collections.abc import Iterable
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


def lock_sites(uow: UnitOfWork, site_ids: Iterable[UUID]) -> dict[UUID, SiteCopy]:
    """Those that are known, locked in the order of their ids, so that two who need the same ones never wait for each other in a ring."""
    found = ((site_id, lock_site(uow, site_id)) for site_id in sorted(set(site_ids)))
    return {site_id: site for site_id, site in found if site is not None}
