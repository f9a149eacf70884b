"""The delivery log is kept for a while (parameter ``webhook.kept_days``); what waits is never forgotten."""

from __future__ import annotations

from datetime import timedelta

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every
from gateway.settings import value
from gateway.webhooks import usecases


@every(seconds=600)
def forget(uow: UnitOfWork) -> None:
    usecases.forget(uow, uow.now - timedelta(days=value(uow, "webhook.kept_days")))
