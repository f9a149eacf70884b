"""Repair (维修): a device is taken in, diagnosed, quoted, repaired, checked and handed over (O-85)."""

from __future__ import annotations

from typing import Any

from chassis.domain.machine import Machine, Move
from services.orders.repairs.states import State, Wait


def _right(action: str) -> str:
    return f"orders.work_order.{action.replace('-', '_')}"


def _move(action: str, sources: set[State], *targets: State, when: Any = None) -> Move:
    return Move(action, sources, targets or sources, permission=_right(action), when=when)


OPEN = {State.REGISTERED, State.IN_REPAIR, State.IN_CHECK}
REPAIR = Machine(
    "work_order",
    State,
    initial=State.REGISTERED,
    final={State.CANCELLED},
    moves=[
        _move("assign", {State.REGISTERED, State.IN_REPAIR}),
        _move("start", {State.REGISTERED}, State.IN_REPAIR),
        _move("diagnose", {State.IN_REPAIR}),
        _move("quote", {State.IN_REPAIR}),
        _move("approve", {State.IN_REPAIR}, when=lambda order: order.waiting_for == Wait.APPROVAL),
        _move("reject", {State.IN_REPAIR}, when=lambda order: order.waiting_for == Wait.APPROVAL),
        _move("complete", {State.IN_REPAIR}, State.IN_CHECK),
        _move("check", {State.IN_CHECK}, State.READY, State.IN_REPAIR),
        _move("hand-over", {State.READY}, State.COMPLETED),
        _move("audit", {State.REVISITED}, State.AUDITED),
        # An order taken over from history was never billed, so there is nothing to reverse.
        _move("unaudit", {State.AUDITED}, State.COMPLETED, when=lambda order: order.billing is not None),
        _move("rebill", {State.COMPLETED}, when=lambda order: order.reopened),
        _move("cancel", OPEN, State.CANCELLED),
        # Not among the offered actions: the first has its own place at the storekeeper's, events move the others.
        # A PATCH is no action either; the second is what becomes of a repair whose quote a correction voids.
        Move("correct", OPEN, OPEN),
        Move("requote", {State.IN_CHECK}, State.IN_REPAIR),
        Move("return_parts", {State.IN_REPAIR, State.IN_CHECK}, {State.IN_REPAIR, State.IN_CHECK}),
        Move("revisit", {State.COMPLETED}, State.REVISITED, when=lambda order: not order.reopened),
        Move("settle", {State.COMPLETED}, State.REVISITED),
    ],
)
