"""Revisit task (回访单, C-40): the customer of a completed work order is asked, once, whether it is solved."""

import uuid
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate, Journal
from chassis.domain.events import Published
from chassis.domain.machine import Machine, Move


class State(StrEnum):
    OPEN = "open"
    RECORDED = "recorded"


class Revisit(Base, Scoped, Aggregate):
    """One per work order for ever: an order finished again after being reopened is not asked about anew."""

    published = Published("aftersales.callcenter.revisit.v1", "work_order_id", "due_on", "solved", "score", "comment")
    __tablename__ = "revisits"
    __table_args__ = (
        *(Index(None, name, "id") for name in ("due_on", "created_at", "completed_on", "state", "work_order_number")),
        *(Index(None, name, "due_on", "id") for name in ("state", "site_id", "customer_id")),
        CheckConstraint("score BETWEEN 1 AND 5", name="score"),
    )

    state: Mapped[State]
    work_order_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    work_order_number: Mapped[str]
    site_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID | None]
    completed_on: Mapped[date]
    due_on: Mapped[date]
    solved: Mapped[bool | None]
    score: Mapped[int | None]
    comment: Mapped[str | None]
    recorded_at: Mapped[datetime | None]
    recorded_by: Mapped[str | None]

    def plan(self, after_days: int, by: str) -> None:
        """Set the day due from the day of completion in the site's zone."""
        self.state = State.OPEN
        self.due_on = self.completed_on + timedelta(days=after_days)
        self.journal(Journal("create", by, None, State.OPEN))

    def note(self, solved: bool, score: int | None, comment: str | None, by: str, at: datetime) -> None:
        """Record what the customer said, also before the day due. Raises BadTransition the second time."""
        MACHINE.fire(self, "record", by, data={"solved": solved, "score": score})
        self.solved, self.score, self.comment = solved, score, comment
        self.recorded_at, self.recorded_by = at, by
        self.record("recorded")


MACHINE = Machine(
    "revisit",
    State,
    initial=State.OPEN,
    final={State.RECORDED},
    moves=[Move("record", {State.OPEN}, State.RECORDED, permission="callcenter.revisit.record")],
)
