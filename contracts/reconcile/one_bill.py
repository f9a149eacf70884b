"""1. Every live order that reached ready has exactly one bill per settlement round; every bill belongs to such an order. The
bills of earlier rounds are reversed, and that of an un-audited order not billed again (G-21)."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.reconcile.sources import Offender, Sources

# What an earlier round came to is told by its bill alone, so those totals are not compared.
READY = """SELECT o.id::text || '/' || past.round, o.number, o.id::text, o.reopened OR past.round < (o.billing->>'round')::int,
      CASE WHEN past.round = (o.billing->>'round')::int THEN o.billing->>'customer_total' END, o.billing->>'maker_total'
    FROM work_orders o CROSS JOIN generate_series(1, (o.billing->>'round')::int) past (round)
    WHERE o.origin = 'live' AND o.billing IS NOT NULL ORDER BY 1"""
BILLS = """SELECT work_order_id::text || '/' || round, min(number), work_order_id::text, bool_and(state = 'reversed'),
      min(customer_total)::text, min(maker_total)::text, count(*) FROM bills GROUP BY work_order_id, round ORDER BY 1"""
UNBILLABLE = """SELECT number, id::text FROM work_orders
    WHERE origin = 'live' AND (ready_at IS NOT NULL) <> (billing IS NOT NULL)"""
HISTORY = "SELECT number FROM work_orders WHERE id::text = %s AND origin = 'history'"


def check(sources: Sources) -> Iterator[Offender]:
    for key, order, bill in sources.merged(("orders", READY), ("finance", BILLS)):
        id_, _, round_ = key.partition("/")
        if bill is None:
            assert order is not None
            yield Offender(1, f"work order {order[0]}", f"is ready but has no bill in round {round_}", (id_,))
        elif order is None:
            history = next(sources.rows("orders", HISTORY, (id_,)), None)
            owner = f"history order {history[0]}" if history else f"order {id_}, which is not ready in round {round_}"
            yield Offender(1, f"bill {bill[0]}", f"belongs to {owner}", (id_,))
        elif bill[5] != 1:
            yield Offender(1, f"work order {order[0]}", f"has {bill[5]} bills in round {round_}", (id_,))
        elif order[2] != bill[2]:
            wrong = "should be reversed and is not" if order[2] else "is reversed and should not be"
            yield Offender(1, f"bill {bill[0]}", f"{wrong}: round {round_} of its order", (id_,))
        elif order[3] is not None and order[3:5] != bill[3:5]:
            yield Offender(1, f"bill {bill[0]}", f"says {bill[3]} and {bill[4]}, its order {order[3]} and {order[4]}", (id_,))
    for number, id_ in sources.rows("orders", UNBILLABLE):
        yield Offender(1, f"work order {number}", "is ready without anything to bill, or billed without being ready", (id_,))
