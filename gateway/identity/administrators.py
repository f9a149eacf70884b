"""Headquarters keep at least one administrator who can sign in: without one nobody could give rights any more.

Whoever is about to take one away asks here, one at a time: two who disable each other at the same moment are not two last ones.
"""

from __future__ import annotations

from sqlalchemy import exists, select, text

from chassis.db.uow import UnitOfWork
from chassis.domain.principal import HEADQUARTERS
from gateway.identity.errors import LastAdministrator
from gateway.identity.role import ADMIN
from gateway.identity.user import User

_QUEUE = text("SELECT pg_advisory_xact_lock(hashtextextended('gateway.administrators', 0))")


def one_at_a_time(uow: UnitOfWork) -> None:
    """Before the first row is locked, so that two of them queue here and not at each other's rows."""
    uow.execute(_QUEUE)


def is_one(user: User) -> bool:
    return user.active and user.deleted_at is None and ADMIN in user.roles and user.org_path == HEADQUARTERS


def keep_one(uow: UnitOfWork, user: User, was_one: bool) -> None:
    """Raises LastAdministrator when ``user`` was the last."""
    if was_one and not is_one(user):
        others = select(User.id).where(
            User.id != user.id,
            User.active.is_(True),
            User.deleted_at.is_(None),
            User.roles.contains([ADMIN]),
            User.org_path == HEADQUARTERS,
        )
        if not uow.scalar(select(exists(others))):
            raise LastAdministrator()
