"""2. Parts billed are parts issued less returned, per order, internal requisitions apart; what is out never exceeds the approved quote; what came back is the same
to orders, which was told, and to inventory, which took it in."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from contracts.reconcile.sources import Offender, Sources
from contracts.reconcile.supplies import DRAWN

OUT = f"""SELECT r.work_order_id::text || '/' || l.part_id::text, min(r.work_order_number), min(p.number), sum(l.issued - l.returned)
    FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id JOIN parts p ON p.id = l.part_id
    WHERE {DRAWN} GROUP BY 1 HAVING sum(l.issued - l.returned) <> 0 ORDER BY 1"""
BILLED = """SELECT b.work_order_id::text || '/' || l.ref, min(b.number), min(l.description), sum(l.quantity)
    FROM bills b JOIN bill_lines l ON l.bill_id = b.id WHERE l.kind = 'part'
    AND b.state <> 'reversed' GROUP BY 1 ORDER BY 1"""
# The approved quote less what came back under it. Nothing is allowed out of an order without one, but while a new version
# waits for its approval, or a cancel for inventory's answer, the parts of the one before may still be out.
NEEDED = """SELECT quoted.id || '/' || quoted.part, quoted.number, quoted.number, quoted.quantity - coalesce(back.quantity, 0)
    FROM (SELECT o.id::text AS id, o.number, o.approved_version, l.ref AS part, sum(l.quantity) AS quantity
          FROM work_orders o JOIN quote_lines l ON l.work_order_id = o.id AND l.version = o.approved_version
          WHERE l.kind = 'part' AND o.state <> 'cancelling' GROUP BY o.id, 4) quoted
    LEFT JOIN (SELECT work_order_id::text AS id, version, part_id::text AS part, sum(quantity) AS quantity
               FROM part_returns GROUP BY 1, 2, 3) back
      ON back.id = quoted.id AND back.part = quoted.part AND back.version = quoted.approved_version
    ORDER BY 1"""
REPORTED_BACK = """SELECT o.id::text || '/' || r.part_id::text, min(o.number), min(o.number), sum(r.quantity)
    FROM work_orders o JOIN part_returns r ON r.work_order_id = o.id GROUP BY 1 ORDER BY 1"""
TAKEN_BACK = f"""SELECT r.work_order_id::text || '/' || l.part_id::text, min(r.work_order_number), min(p.number), sum(l.returned)
    FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id JOIN parts p ON p.id = l.part_id
    WHERE {DRAWN} GROUP BY 1 HAVING sum(l.returned) <> 0 ORDER BY 1"""
BETWEEN = """SELECT 1 FROM work_orders WHERE id::text = %s
    AND (state = 'cancelling' OR (approved_version IS NULL AND state = 'in_repair'))"""
BILLS_OF = "SELECT number FROM bills WHERE work_order_id::text = %s AND state <> 'reversed'"


def check(sources: Sources) -> Iterator[Offender]:
    for key, out, billed in sources.merged(("inventory", OUT), ("finance", BILLED)):
        order = key.partition("/")[0]
        there, charged = (row[2] if row else Decimal(0) for row in (out, billed))
        if there == charged:
            continue
        bill = billed[0] if billed else next((row[0] for row in sources.rows("finance", BILLS_OF, (order,))), None)
        if bill is None:
            continue  # not billed yet
        part = out[1] if out else billed[1] if billed else "?"
        yield Offender(2, f"part {part} on bill {bill}", f"billed {charged}, issued less returned {there}", (order,))
    for key, out, needed in sources.merged(("inventory", OUT), ("orders", NEEDED)):
        if out is not None and out[2] > (needed[2] if needed else 0):
            if needed is None and any(sources.rows("orders", BETWEEN, (key.partition("/")[0],))):
                continue
            detail = f"{out[2]} are out, the approved quote allows {needed[2] if needed else 0}"
            yield Offender(2, f"part {out[1]} of work order {out[0]}", detail, (key.partition("/")[0],))
    for key, reported, taken in sources.merged(("orders", REPORTED_BACK), ("inventory", TAKEN_BACK)):
        here, there = (row[2] if row else Decimal(0) for row in (reported, taken))
        if here != there:
            order = reported[0] if reported else taken[0] if taken else "?"
            part = taken[1] if taken else key.partition("/")[2]
            detail = f"orders told of {here} that came back, inventory took in {there}"
            yield Offender(2, f"part {part} of work order {order}", detail, (key.partition("/")[0],))
