"""Follow-up (跟进单): a revisit said 'not solved', so the order stays completed until it is, or until the manager closes it with a
reason. One per revisit; the customer is not asked a second time (C-40)."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Scoped
from chassis.domain.aggregate import Aggregate, Journal
from chassis.domain.events import Published
from chassis.domain.machine import Machine, Move


class State(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class FollowUp(Base, Scoped, Aggregate):
    """``comment`` is what the customer said at the revisit; ``solved`` and ``reason`` are how it ended."""

    published = Published("aftersales.callcenter.follow_up.v1", "work_order_id", "work_order_number", "comment", "solved", "reason")
    __tablename__ = "follow_ups"
    __table_args__ = (
        Index(None, "created_at", "id"),
        *(Index(None, name, "created_at", "id") for name in ("state", "site_id", "customer_id")),
    )

    state: Mapped[State]
    revisit_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    work_order_id: Mapped[uuid.UUID] = mapped_column(index=True)
    work_order_number: Mapped[str]
    site_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID | None]
    comment: Mapped[str | None]
    solved: Mapped[bool | None]
    reason: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]

    def open(self, by: str) -> None:
        self.state = State.OPEN
        self.journal(Journal("open", by, None, State.OPEN))
        self.record("opened")

    def solve(self, by: str, at: datetime) -> None:
        """The customer has what he was owed."""
        MACHINE.fire(self, "solve", by)
        self._end(True, None, by, at)

    def close(self, reason: str, by: str, at: datetime) -> None:
        """Nothing more is done, and why (the manager's decision)."""
        MACHINE.fire(self, "close", by, why=reason)
        self._end(False, reason, by, at)

    def _end(self, solved: bool, reason: str | None, by: str, at: datetime) -> None:
        self.solved, self.reason, self.closed_at, self.closed_by = solved, reason, at, by
        self.record("closed")


MACHINE = Machine(
    "follow_up",
    State,
    initial=State.OPEN,
    final={State.CLOSED},
    moves=[
        Move("solve", {State.OPEN}, State.CLOSED, permission="callcenter.follow_up.solve"),
        Move("close", {State.OPEN}, State.CLOSED, permission="callcenter.follow_up.close"),
    ],
)
