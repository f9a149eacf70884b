"""3. Stock on hand is the sum of its movements, to four decimals of value, reserved the sum of open reservations; nothing is negative.
Bins, serials and what is on the road: pieces.py; requisitions and
what their orders are told: supplies.py."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.reconcile import pieces, supplies
from contracts.reconcile.sources import Offender, Sources
from contracts.reconcile.supplies import NAMED

BALANCES = """SELECT coalesce(s.part_id, m.part_id, a.part_id)::text, coalesce(w.code, '?'), p.number,
      coalesce(s.on_hand, 0), coalesce(m.quantity, 0), coalesce(s.value, 0), coalesce(m.value, 0),
      coalesce(s.reserved, 0), coalesce(a.reserved, 0)
    FROM stock s
    FULL JOIN (SELECT warehouse_id, part_id, quality, sum(quantity) AS quantity, sum(value) AS value FROM stock_movements
               GROUP BY 1, 2, 3) m USING (warehouse_id, part_id, quality)
    FULL JOIN (SELECT warehouse_id, part_id, 'good' AS quality, sum(reserved) AS reserved FROM allocations GROUP BY 1, 2, 3
               HAVING sum(reserved) <> 0) a USING (warehouse_id, part_id, quality)
    LEFT JOIN warehouses w ON w.id = warehouse_id LEFT JOIN parts p ON p.id = part_id
    WHERE coalesce(s.on_hand, 0) <> coalesce(m.quantity, 0) OR coalesce(s.value, 0) <> coalesce(m.value, 0)
      OR coalesce(s.reserved, 0) <> coalesce(a.reserved, 0) OR s.on_hand < 0 OR s.reserved < 0 OR s.reserved > s.on_hand"""
LINES = f"""SELECT {NAMED}, p.number, l.reserved, coalesce(a.reserved, 0), l.issued - l.returned,
      coalesce(a.out, 0), coalesce(-m.quantity, 0)
    FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id LEFT JOIN parts p ON p.id = l.part_id
    LEFT JOIN (SELECT requisition_id, part_id, sum(reserved) AS reserved, sum(out) AS out FROM allocations GROUP BY 1, 2) a
      ON a.requisition_id = l.requisition_id AND a.part_id = l.part_id
    LEFT JOIN (SELECT document_id, part_id, sum(quantity) AS quantity FROM stock_movements
               WHERE document_type = 'requisition' GROUP BY 1, 2) m
      ON m.document_id = l.requisition_id AND m.part_id = l.part_id
    WHERE l.reserved <> coalesce(a.reserved, 0) OR l.issued - l.returned <> coalesce(a.out, 0)
      OR l.issued - l.returned <> coalesce(-m.quantity, 0)"""


def check(sources: Sources) -> Iterator[Offender]:
    for _, warehouse, part, on_hand, moved, value, moved_value, reserved, held in sources.rows("inventory", BALANCES):
        wrong = [
            f"{what} {shown}, {by} say {sum_}"
            for what, shown, by, sum_ in (
                ("on hand", on_hand, "movements", moved),
                ("worth", value, "movements", moved_value),
                ("reserved", reserved, "reservations", held),
            )
            if shown != sum_
        ] or [f"on hand {on_hand}, reserved {reserved}"]
        yield Offender(3, f"part {part} in warehouse {warehouse}", "; ".join(wrong))
    for named, part, reserved, held, out, allocated, moved in sources.rows("inventory", LINES):
        detail = f"reserved {reserved}, by warehouse {held}; out {out}, by warehouse {allocated}, by movements {moved}"
        yield Offender(3, f"part {part} of requisition {named}", detail)
    yield from pieces.check(sources)
    yield from supplies.check(sources)
