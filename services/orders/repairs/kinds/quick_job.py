"""Quick job (快修, O-97): done while the customer waits. One call takes in, assigns, quotes and agrees; it is done when its parts are out,
and over if the store has not got them. What comes after is as of any order."""

from __future__ import annotations

from chassis.domain.machine import Machine, Move
from services.orders.repairs.kinds.repair import AFTERWARDS, OWNER, move
from services.orders.repairs.states import State, Wait

BEGUN = {State.IN_REPAIR, State.IN_CHECK}
QUICK_JOB = Machine(
    "quick_job",
    State,
    initial=State.REGISTERED,
    final={State.CANCELLED},
    moves=[
        *AFTERWARDS,
        move("cancel", BEGUN, State.CANCELLED, State.CANCELLING, by=OWNER),
        # The call makes these itself, one after the other; inventory's news the rest.
        Move("assign", {State.REGISTERED}, State.REGISTERED),
        Move("start", {State.REGISTERED}, State.IN_REPAIR),
        Move("quote", {State.IN_REPAIR}, State.IN_REPAIR),
        Move("approve", {State.IN_REPAIR}, State.IN_REPAIR, when=lambda order: order.waiting_for == Wait.APPROVAL),
        Move("complete", {State.IN_REPAIR}, State.IN_CHECK),
        Move("finish", {State.IN_CHECK}, State.READY),
        Move("confirm_cancel", {State.CANCELLING}, State.CANCELLED),
        Move("refuse_cancel", {State.CANCELLING}, BEGUN),
    ],
)
