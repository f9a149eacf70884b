"""5. Every completed live order has its revisit task, once, but for one that nobody collected, which has none; one whose customer said it
is not solved is followed up until it goes on."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.reconcile.sources import Offender, Sources

COMPLETED = """SELECT id::text, number, state FROM work_orders WHERE origin = 'live' AND completed_at IS NOT NULL
    AND uncollected_reason IS NULL ORDER BY id::text"""
TASKS = """SELECT r.work_order_id::text, min(r.work_order_number), count(DISTINCT r.id), bool_or(r.solved IS FALSE AND f.id IS NULL)
    FROM revisits r LEFT JOIN follow_ups f ON f.revisit_id = r.id GROUP BY 1 ORDER BY 1"""


def check(sources: Sources) -> Iterator[Offender]:
    for id_, order, task in sources.merged(("orders", COMPLETED), ("callcenter", TASKS)):
        if task is None:
            assert order is not None
            yield Offender(5, f"work order {order[0]}", "is completed but has no revisit task", (id_,))
        elif order is None:
            yield Offender(5, f"work order {task[0]}", "has a revisit task but is no completed live order", (id_,))
        elif task[1] != 1:
            yield Offender(5, f"work order {order[0]}", f"has {task[1]} revisit tasks", (id_,))
        elif order[1] == "completed" and task[2]:
            yield Offender(5, f"work order {order[0]}", "is not solved, its customer says, and nobody follows it up", (id_,))
