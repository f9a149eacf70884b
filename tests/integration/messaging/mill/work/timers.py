from __future__ import annotations

import os

from sqlalchemy import text

from chassis.db.uow import UnitOfWork
from chassis.domain.events import every


@every(seconds=0.2)
def tick(uow: UnitOfWork) -> None:
    uow.execute(text("INSERT INTO mill_ticks (pid) VALUES (:pid)"), {"pid": os.getpid()})
