"""Parked events of one service: listed, inspected, redriven. Used by the command line, suite up or down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, text

from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal

_COLUMNS = "event_id, type, source, subject, sequence, attempts, reason, received_at"
_LIST = text(f"SELECT {_COLUMNS} FROM inbox WHERE state = 'parked' ORDER BY received_at, event_id")
_SHOW = text(f"SELECT {_COLUMNS}, trace, envelope FROM inbox WHERE state = 'parked' AND event_id = :event_id")
_REDRIVE = (
    "UPDATE inbox SET state = 'retry', attempts = 0, next_at = clock_timestamp()"
    " WHERE state = 'parked' AND (CAST(:event_id AS uuid) IS NULL OR event_id = :event_id)"
    " AND (CAST(:type AS text) IS NULL OR type = :type)"
)


def entries(engine: Engine) -> Sequence[Row[Any]]:
    """Parked events, oldest first, without envelope and trace."""
    with _unit(engine) as uow:
        return uow.rows(_LIST)


def show(engine: Engine, event_id: UUID) -> Row[Any] | None:
    """One parked event with its envelope and the trace of the last failure."""
    with _unit(engine) as uow:
        return next(iter(uow.rows(_SHOW, {"event_id": event_id})), None)


def redrive(engine: Engine, event_id: UUID | None = None, type_: str | None = None) -> int:
    """Give parked events a fresh set of attempts, now; all of them unless narrowed. How many there were."""
    with _unit(engine) as uow:
        return uow.execute(text(_REDRIVE), {"event_id": event_id, "type": type_})


def _unit(engine: Engine) -> UnitOfWork:
    return UnitOfWork(engine, Principal.system("parked"))
