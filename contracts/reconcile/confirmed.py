"""10. What waits for another service's word gets it: no order stays cancelling, no quick job on its way, with nothing on the way about it."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.reconcile.sources import Offender, Sources

WAITING = """SELECT id::text, number, kind, state FROM work_orders
    WHERE state = 'cancelling' OR (kind = 'quick_job' AND state IN ('registered', 'in_repair', 'in_check')) ORDER BY id::text"""
HELD = """SELECT work_order_id::text, work_order_number FROM requisitions
    WHERE cancelled AND EXISTS (SELECT FROM requisition_lines l WHERE l.requisition_id = requisitions.id AND l.reserved > 0) ORDER BY 1"""


def check(sources: Sources) -> Iterator[Offender]:
    for id_, number, kind, state in sources.rows("orders", WAITING):
        if sources.live or state == "cancelling":
            what = "waits to be cancelled" if state == "cancelling" else f"is a {kind} left in {state}"
            yield Offender(10, f"work order {number}", f"{what}, and no answer is on its way", (id_,))
    for id_, number in sources.rows("inventory", HELD):
        yield Offender(10, f"work order {number}", "is cancelled to inventory, which reserves for it all the same", (id_,))
