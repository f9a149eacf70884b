"""Hand-over slip (移交单, O-101): a device goes from the site that has it to another and comes back, with both signatures each way, so that
it has one holder at any time. One slip is one stay elsewhere: who took it for repair and who took the repaired device stand on it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.base import Base, Held, held
from chassis.domain.aggregate import Aggregate, new_id
from chassis.domain.errors import DomainError, Forbidden
from chassis.domain.events import Published
from chassis.domain.machine import Machine, Move
from chassis.domain.principal import Principal


class State(StrEnum):
    """已发出 (on its way there), 已接收 (there), 已发回 (on its way back), 已收回, 拒收, 已撤回 (never arrived), 遗失."""

    SENT = "sent"
    RECEIVED = "received"
    SENT_BACK = "sent_back"
    RETURNED = "returned"
    REFUSED = "refused"
    TAKEN_BACK = "taken_back"
    LOST = "lost"


class End(StrEnum):
    """Of the road that the device is on, or goes next: who gives it, who takes it."""

    GIVER = "giver"
    TAKER = "taker"


ROADS = {State.SENT, State.SENT_BACK}


def _move(action: str, sources: set[State], targets: set[State], *by: End) -> Move:
    return Move(action, sources, targets, permission=f"orders.hand_over_slip.{action.replace('-', '_')}", by=by)


MACHINE = Machine(
    "hand_over_slip",
    State,
    initial=State.SENT,
    final={State.RETURNED, State.REFUSED, State.TAKEN_BACK},
    moves=[
        _move("receive", ROADS, {State.RECEIVED, State.RETURNED}, End.TAKER),
        _move("refuse", ROADS, {State.REFUSED, State.RECEIVED}, End.TAKER),
        _move("take-back", ROADS, {State.TAKEN_BACK, State.RECEIVED}, End.GIVER),
        _move("report-lost", ROADS, {State.LOST}),
        _move("find", {State.LOST}, ROADS),
        _move("send-back", {State.RECEIVED}, {State.SENT_BACK}, End.GIVER),
    ],
)


def homeward(slip: Any) -> bool:
    """Whether the road it is on, or goes next, leads back."""
    return slip.state in (State.RECEIVED, State.SENT_BACK) or (slip.state is State.LOST and slip.returned_at is not None)


def ends(slip: Any, principal: Principal) -> frozenset[End]:
    """At which ends of this road the principal stands; of a slip or a row of one."""
    giver, taker = (slip.held_path, slip.org_path) if homeward(slip) else (slip.org_path, slip.held_path)
    return frozenset(end for end, path in ((End.GIVER, giver), (End.TAKER, taker)) if path.startswith(principal.scope))


class HandOverSlip(Base, Held, Aggregate):
    """Names are those of who signed. ``org_path`` is the site's that gave it, ``held_path`` the other's, ``bound_path`` that of the order where
    it is neither's: all three see the slip, for good."""

    published = Published(
        "aftersales.orders.hand_over_slip.v1", "number", "state", "work_order_id", "work_order_number", "from_site_id", "to_site_id",
        "given_at", "received_at", "repaired_at", "returned_at", "collected_at",
    )  # fmt: skip
    __tablename__ = "hand_over_slips"
    __table_args__ = (
        *(Index(f"ix_hand_over_slips_{name}", name, "created_at", "id") for name in ("work_order_id", "state")),
        Index("ix_hand_over_slips_created_at", "created_at", "id"),
        # One holder: it is on one road at a time, and nowhere twice, so that it finds its way back.
        Index("uq_hand_over_slips_to_site_id", "work_order_id", "to_site_id", unique=True, postgresql_where=text("state IN ('sent', 'received', 'sent_back', 'lost')")),
        Index("uq_hand_over_slips_road", "work_order_id", unique=True, postgresql_where=text("state IN ('sent', 'sent_back', 'lost')")),
        *held("hand_over_slips"),
    )

    number: Mapped[str] = mapped_column(unique=True)
    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    work_order_number: Mapped[str]
    state: Mapped[State]
    from_site_id: Mapped[UUID]
    to_site_id: Mapped[UUID]
    product_id: Mapped[UUID | None]
    quantity: Mapped[int]
    serial_number: Mapped[str | None]
    fault: Mapped[str]
    remark: Mapped[str | None]
    given_by: Mapped[str]
    given_at: Mapped[datetime]
    received_by: Mapped[str | None]
    """Who took it for repair."""
    received_at: Mapped[datetime | None]
    repaired_at: Mapped[datetime | None]
    returned_by: Mapped[str | None]
    returned_at: Mapped[datetime | None]
    collected_by: Mapped[str | None]
    """Who took the repaired device."""
    collected_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    """Why it was refused, taken back or is missed, the last that was given."""

    @classmethod
    def send(cls, now: datetime, **fields: Any) -> HandOverSlip:
        """``fields``: number, order, sites with their paths, device, fault, remark, given_by."""
        empty = dict.fromkeys(("received_by", "received_at", "repaired_at", "returned_by", "returned_at", "collected_by", "collected_at", "reason"))
        slip = cls(**{**empty, "id": new_id(), "state": State.SENT, "quantity": 1, "given_at": now, "bound_site_id": None, **fields})
        slip.record("sent")
        return slip

    @property
    def homeward(self) -> bool:
        return homeward(self)

    def sides(self, principal: Principal) -> frozenset[End]:  # type: ignore[override]  # of the road, not of the document
        return ends(self, principal)

    def elsewhere(self, missing: frozenset[StrEnum]) -> DomainError:
        return Forbidden(f"for the {next(iter(missing))}")

    def receive(self, received_by: str, repaired_at: datetime | None, now: datetime, by: str) -> None:
        """The addressee signs for it."""
        if self.homeward:
            MACHINE.fire(self, "receive", by, to=State.RETURNED, data={"received_by": received_by})
            self.collected_by, self.collected_at, self.repaired_at = received_by, now, repaired_at
            self.record("returned")
        else:
            MACHINE.fire(self, "receive", by, to=State.RECEIVED, data={"received_by": received_by})
            self.received_by, self.received_at = received_by, now
            self.record("received")

    def refuse(self, reason: str, by: str) -> None:
        """The addressee does not take it: it is with the giver, as it was."""
        self._stay("refuse", State.REFUSED, reason, by)

    def take_back(self, reason: str, by: str) -> None:
        """The giver has it again before anybody took it."""
        self._stay("take-back", State.TAKEN_BACK, reason, by)

    def _stay(self, action: str, ended: State, reason: str, by: str) -> None:
        MACHINE.fire(self, action, by, to=State.RECEIVED if self.homeward else ended, why=reason)
        self.reason = reason
        if self.state is State.RECEIVED:
            self.returned_by = self.returned_at = None
        if action == "refuse":
            self.record("refused")
        else:
            self.record("taken_back")

    def report_lost(self, reason: str, by: str) -> None:
        """Neither has it. It stays on its road until it turns up; the giver answers for it."""
        MACHINE.fire(self, "report-lost", by, why=reason)
        self.reason = reason
        self.record("lost")

    def find(self, reason: str, by: str) -> None:
        """It turned up: on its road again, to be received, refused or taken back."""
        MACHINE.fire(self, "find", by, to=State.SENT_BACK if self.homeward else State.SENT, why=reason)
        self.reason = reason
        self.record("found")

    def send_back(self, given_by: str, now: datetime, by: str) -> None:
        MACHINE.fire(self, "send-back", by, data={"given_by": given_by})
        self.returned_by, self.returned_at = given_by, now
        self.record("sent_back")
