"""5. Every completed live order has its revisit task, once."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.local.reconcile.sources import Offender, Sources

COMPLETED = """SELECT id::text, number FROM work_orders WHERE origin = 'live' AND completed_at IS NOT NULL ORDER BY id::text"""
TASKS = "SELECT work_order_id::text, min(work_order_number), count(*) FROM revisits GROUP BY 1 ORDER BY 1"


def check(sources: Sources) -> Iterator[Offender]:
    for id_, order, task in sources.merged(("orders", COMPLETED), ("callcenter", TASKS)):
        if task is None:
            assert order is not None
            yield Offender(5, f"work order {order[0]}", "is completed but has no revisit task", (id_,))
        elif order is None:
            yield Offender(5, f"work order {task[0]}", "has a revisit task but is no completed live order", (id_,))
        elif task[1] != 1:
            yield Offender(5, f"work order {order[0]}", f"has {task[1]} revisit tasks", (id_,))
