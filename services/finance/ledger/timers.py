"""Watching the books while they are open. The database refuses a posting that does not balance; this says so should it ever
not have."""

from __future__ import annotations

from datetime import timedelta

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every
from chassis.ops import metrics
from services.finance.ledger import queries

WATCHED = timedelta(days=1)
"""What was posted lately: by index, so it stays cheap however long the books are. `reconcile` reads all of them."""


@every(seconds=60)
def watch(uow: UnitOfWork) -> None:
    metrics.UNBALANCED.labels("finance").set(queries.unbalanced(uow, uow.now - WATCHED))
