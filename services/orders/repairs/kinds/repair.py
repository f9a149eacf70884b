"""Repair (维修): a device is taken in, diagnosed, quoted, repaired, checked and handed over (O-85)."""

from __future__ import annotations

from typing import Any

from chassis.domain.custody import Side
from chassis.domain.machine import Machine, Move
from services.orders.repairs.states import State, Wait


def _right(action: str) -> str:
    return f"orders.work_order.{action.replace('-', '_')}"


OWNER, HOLDER = {Side.OWNER}, {Side.HOLDER}
BOTH = OWNER | HOLDER


def move(action: str, sources: set[State], *targets: State, by: set[Side], when: Any = None) -> Move:
    """``by``: whether it is for the site whose order it is, for the one that has the device, or for one that is both."""
    return Move(action, sources, targets or sources, permission=_right(action), when=when, by=by)


OPEN = {State.REGISTERED, State.IN_REPAIR, State.IN_CHECK}
AFTERWARDS = (
    move("hand-over", {State.READY}, State.COMPLETED, by=BOTH),
    move("close-uncollected", {State.READY}, State.REVISITED, by=BOTH),
    move("audit", {State.REVISITED}, State.AUDITED, by=OWNER),
    # An order taken over from history was never billed, so there is nothing to reverse.
    move("unaudit", {State.AUDITED}, State.COMPLETED, when=lambda order: order.billing is not None, by=OWNER),
    move("rebill", {State.COMPLETED}, when=lambda order: order.reopened, by=OWNER),
    Move("revisit", {State.COMPLETED}, State.REVISITED, when=lambda order: not order.reopened),
    Move("settle", {State.COMPLETED}, State.REVISITED),
)
"""From ready to collect on; the last two are events' moves."""
REPAIR = Machine(
    "work_order",
    State,
    initial=State.REGISTERED,
    final={State.CANCELLED},
    moves=[
        move("assign", {State.REGISTERED, State.IN_REPAIR}, by=HOLDER),
        move("start", {State.REGISTERED}, State.IN_REPAIR, by=HOLDER),
        move("diagnose", {State.IN_REPAIR}, by=HOLDER),
        move("quote", {State.IN_REPAIR}, by=HOLDER),
        move("approve", {State.IN_REPAIR}, when=lambda order: order.waiting_for == Wait.APPROVAL, by=OWNER),
        move("reject", {State.IN_REPAIR}, when=lambda order: order.waiting_for == Wait.APPROVAL, by=OWNER),
        move("return-unrepaired", {State.IN_REPAIR}, State.READY, when=lambda order: order.waiting_for == Wait.CUSTOMER, by=OWNER),
        move("complete", {State.IN_REPAIR}, State.IN_CHECK, by=HOLDER),
        move("check", {State.IN_CHECK}, State.READY, State.IN_REPAIR, by=HOLDER),
        *AFTERWARDS,
        move("cancel", OPEN, State.CANCELLED, State.CANCELLING, by=OWNER),
        # Not among the offered actions: the first has its own place at the storekeeper's, events move the others.
        # A PATCH is no action either; the last is what becomes of a repair whose quote a correction voids.
        Move("return_parts", {State.IN_REPAIR, State.IN_CHECK}, {State.IN_REPAIR, State.IN_CHECK}, by=HOLDER),
        Move("confirm_cancel", {State.CANCELLING}, State.CANCELLED),
        Move("refuse_cancel", {State.CANCELLING}, {State.IN_REPAIR, State.IN_CHECK}),
        Move("correct", OPEN, OPEN, by=OWNER),
        Move("requote", {State.IN_CHECK}, State.IN_REPAIR),
    ],
)
