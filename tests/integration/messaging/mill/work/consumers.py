"""What the test suite consumes. The note of a sale says how its consumer is to behave."""

from __future__ import annotations

import time
from contextlib import suppress
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped

from chassis.db.base import Base, ReadCopy
from chassis.db.uow import Transient, UnitOfWork
from chassis.domain.events import Event, Retry, on


class SaleCopy(Base, ReadCopy):
    __tablename__ = "mill_sale_copies"
    amount: Mapped[Decimal]


PAUSES = {"slow": 0.2, "takes a while": 0.05}
EFFECT = "INSERT INTO mill_effects (event_id) VALUES (%s)"
broken_off: dict[UUID, int] = {}


@on("aftersales.shop.sale.made.v1", "aftersales.shop.sale.changed.v1", reads=("amount", "note"))
def keep(uow: UnitOfWork, event: Event) -> None:
    note = event.data["note"]
    if note == "boom":
        raise ValueError("no luck for +8613800138000")
    if note == "waits" and not uow.scalar(text("SELECT 1 FROM mill_switches WHERE name = 'on'")):
        raise Retry("the switch is off")
    uow.copy(SaleCopy, event, amount=Decimal(event.data["amount"]))
    uow.later(EFFECT, (event.id,))
    if note == "traced":
        uow.execute(text("INSERT INTO mill_switches VALUES (:name)"), {"name": uow.traceparent})
    if note in PAUSES:
        time.sleep(PAUSES[note])
    if note == "broken off twice":
        broken_off[event.id] = broken_off.get(event.id, 0) + 1
        if broken_off[event.id] <= 2:
            raise Transient("deadlock detected")
    if note == "loses its connection" and event.id not in broken_off:
        broken_off[event.id] = 1
        uow.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    if note == "swallows":
        with suppress(DBAPIError):
            uow.execute(text("SELECT 1 / 0"))


@on("aftersales.shop.sale.counted.v1", reads=("note",), locks=True)
def count(uow: UnitOfWork, event: Event) -> None:
    uow.find(SaleCopy, id=event.subject, lock=True)
    time.sleep(PAUSES.get(event.data["note"], 0))
    uow.later(EFFECT, (event.id,))
