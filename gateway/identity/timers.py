"""What is not needed any more is forgotten."""

from __future__ import annotations

from datetime import timedelta

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every
from gateway.identity import presence, signin

RETENTION = timedelta(days=30)


@every(seconds=3600)
def forget(uow: UnitOfWork) -> None:
    """Failed names of a day ago, sessions long over."""
    signin.forget_strays(uow, uow.now - timedelta(days=1))
    presence.forget_sessions(uow, uow.now - RETENTION)
