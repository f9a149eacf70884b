"""Old notices are forgotten."""

from __future__ import annotations

from datetime import timedelta

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every
from gateway.notices import usecases

RETENTION = timedelta(days=90)


@every(seconds=3600)
def forget(uow: UnitOfWork) -> None:
    usecases.forget(uow, uow.now - RETENTION)
