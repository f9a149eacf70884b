"""10. What waits for another service's word gets it: no order stays cancelling, no quick job on its way, with nothing on the way about it."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.reconcile.sources import Offender, Sources
from contracts.reconcile.supplies import NAMED

WAITING = """SELECT id::text, number, kind, state FROM work_orders
    WHERE state = 'cancelling' OR (kind = 'quick_job' AND state IN ('registered', 'in_repair', 'in_check')) ORDER BY id::text"""
HELD = f"""SELECT coalesce(r.work_order_id, r.id)::text, {NAMED} FROM requisitions r
    WHERE r.cancelled AND EXISTS (SELECT FROM requisition_lines l WHERE l.requisition_id = r.id AND l.reserved > 0) ORDER BY 1"""


def check(sources: Sources) -> Iterator[Offender]:
    for id_, number, kind, state in sources.rows("orders", WAITING):
        if sources.live or state == "cancelling":
            what = "waits to be cancelled" if state == "cancelling" else f"is a {kind} left in {state}"
            yield Offender(10, f"work order {number}", f"{what}, and no answer is on its way", (id_,))
    for id_, number in sources.rows("inventory", HELD):
        yield Offender(10, f"requisition {number}", "is cancelled, and parts are reserved for it all the same", (id_,))
