"""The stream keeps a day."""

from __future__ import annotations

from datetime import timedelta

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every
from gateway.streams import stream_event

RETENTION = timedelta(hours=24, minutes=30)
"""A little more than is promised, so that who reads at the edge is not cut off by the timer."""


@every(seconds=900)
def forget(uow: UnitOfWork) -> None:
    stream_event.forget(uow, uow.now - RETENTION)
