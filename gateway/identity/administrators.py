"""Headquarters keep at least one administrator who can sign in: without one nobody could give rights any more.

Whoever is about to take one away asks here, one at a time: two who disable each other at the same moment are not two last ones.
A lock after wrong passwords takes nobody's rights and cannot be refused, since anybody can bring it about; the machine's own command
line lifts it. But who is locked is none of those that are left.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, exists, select, text

from chassis.db.uow import UnitOfWork
from chassis.domain.principal import HEADQUARTERS
from gateway.identity.credential import Credential
from gateway.identity.errors import LastAdministrator
from gateway.identity.role import ADMIN
from gateway.identity.user import User

_QUEUE = text("SELECT pg_advisory_xact_lock(hashtextextended('gateway.administrators', 0))")
THEY: ColumnElement[bool] = and_(User.active.is_(True), User.deleted_at.is_(None), User.roles.contains([ADMIN]), User.org_path == HEADQUARTERS)
"""``is_one``, for the database."""


def one_at_a_time(uow: UnitOfWork) -> None:
    """Before the first row is locked, so that two of them queue here and not at each other's rows."""
    uow.execute(_QUEUE)


def is_one(user: User) -> bool:
    return user.active and user.deleted_at is None and ADMIN in user.roles and user.org_path == HEADQUARTERS


def among(users: Iterable[User]) -> list[User]:
    """Which of them are, before something is done to them."""
    return [user for user in users if is_one(user)]


def require_one_left(uow: UnitOfWork, were: list[User]) -> None:
    """Raises LastAdministrator when those of ``were`` that are none any more were the last."""
    gone = [user.id for user in were if not is_one(user)]
    if gone:
        able = exists().where(Credential.id == User.id, Credential.locked_at.is_(None))
        if not uow.scalar(select(exists(select(User.id).where(User.id.not_in(gone), THEY, able)))):
            raise LastAdministrator()
