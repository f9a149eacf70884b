"""The call log is kept for as long as the parameter ``partner.call_log_days`` says."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every
from gateway import settings

AT_ONCE = 20_000
"""Rows of one round: a transaction of about a second, so that a backlog never holds the table for long."""
_FORGET = text(
    "DELETE FROM partner_calls WHERE id IN (SELECT id FROM partner_calls WHERE at < :before ORDER BY at, id LIMIT :most)"
)


@every(seconds=600)
def forget_calls(uow: UnitOfWork) -> None:
    days = int(settings.value(uow, "partner.call_log_days"))
    uow.execute(_FORGET, {"before": uow.now - timedelta(days=days), "most": AT_ONCE})
