from __future__ import annotations

import uuid
from decimal import Decimal
from enum import StrEnum

from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate
from chassis.domain.machine import Machine, Move


class State(StrEnum):
    HERE = "here"
    LENT = "lent"


class Reader(Base):
    __tablename__ = "readers"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)


class Book(Base, Scoped, Aggregate):
    __tablename__ = "books"
    number: Mapped[str] = mapped_column(unique=True)
    code: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    price: Mapped[Decimal] = mapped_column(default=Decimal("0"))
    state: Mapped[State] = mapped_column(default=State.HERE)

    def lend(self, by: str) -> None:
        MACHINE.fire(self, "lend", by)


MACHINE = Machine("test_book", State, State.HERE, {State.LENT}, [Move("lend", {State.HERE}, State.LENT, "shelf.book.lend")])
