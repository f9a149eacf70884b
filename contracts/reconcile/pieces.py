"""3, finer: what lies in bins is part of what is on hand; each piece with a serial number is where its last movement took it, and as many
lie in a place as are on hand; what a document sends or receives leaves one place and comes to another at the same value, so what lies in
transit is what was sent and has not arrived; what a posted receipt says came, and a reversed one brought nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chassis import contracts
from contracts.reconcile.sources import Offender, Sources
from contracts.reconcile.supplies import NAMED

BINS = """SELECT w.code, p.number, coalesce(s.on_hand, 0), coalesce(s.binned, 0), coalesce(b.lies, 0), coalesce(m.moved, 0)
    FROM stock s
    FULL JOIN (SELECT warehouse_id, part_id, quality, sum(on_hand) AS lies, min(on_hand) AS least FROM bin_stock GROUP BY 1, 2, 3) b
      USING (warehouse_id, part_id, quality)
    FULL JOIN (SELECT warehouse_id, part_id, quality, sum(quantity) AS moved FROM stock_movements WHERE bin_id IS NOT NULL GROUP BY 1, 2, 3) m
      USING (warehouse_id, part_id, quality)
    LEFT JOIN warehouses w ON w.id = warehouse_id LEFT JOIN parts p ON p.id = part_id
    WHERE coalesce(s.binned, 0) <> coalesce(b.lies, 0) OR coalesce(b.lies, 0) <> coalesce(m.moved, 0) OR coalesce(b.lies, 0) > coalesce(s.on_hand, 0)
      OR b.least < 0"""
BIN = """SELECT w.code, b.code, p.number, coalesce(s.on_hand, 0), coalesce(m.moved, 0)
    FROM bin_stock s
    FULL JOIN (SELECT bin_id, part_id, quality, sum(quantity) AS moved FROM stock_movements WHERE bin_id IS NOT NULL GROUP BY 1, 2, 3) m
      USING (bin_id, part_id, quality)
    LEFT JOIN bins b ON b.id = bin_id LEFT JOIN warehouses w ON w.id = b.warehouse_id LEFT JOIN parts p ON p.id = part_id
    WHERE coalesce(s.on_hand, 0) <> coalesce(m.moved, 0)"""
COUNTED = """SELECT w.code, p.number, coalesce(s.on_hand, 0), coalesce(n.pieces, 0)
    FROM (SELECT * FROM stock WHERE serial_tracked) s
    FULL JOIN (SELECT place_id AS warehouse_id, part_id, quality, count(*) AS pieces FROM serials WHERE place IN ('warehouse', 'transit')
               GROUP BY 1, 2, 3) n USING (warehouse_id, part_id, quality)
    LEFT JOIN warehouses w ON w.id = warehouse_id LEFT JOIN parts p ON p.id = part_id
    WHERE coalesce(s.on_hand, 0) <> coalesce(n.pieces, 0)"""
# Of two movements of a transaction (a piece on its way) the later one brings it in.
WHERE = """SELECT s.number, p.number, s.place, coalesce(m.kind, 'no movement')
    FROM serials s JOIN parts p ON p.id = s.part_id
    LEFT JOIN LATERAL (SELECT * FROM stock_movements m WHERE m.serial_id = s.id ORDER BY m.at DESC, m.id DESC LIMIT 1) m ON true
    WHERE CASE WHEN m.quantity > 0 THEN (s.place IN ('warehouse', 'transit') AND s.place_id = m.warehouse_id AND s.quality = m.quality
                                         AND s.bin_id IS NOT DISTINCT FROM m.bin_id)
               WHEN m.quantity < 0 THEN s.place = m.place AND s.place_id IS NOT DISTINCT FROM m.place_id
               ELSE s.place = 'supplier' END IS NOT TRUE"""
OUT = f"""SELECT {NAMED}, p.number, l.issued - l.returned, jsonb_array_length(l.serial_numbers), count(s.id)
    FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id JOIN parts p ON p.id = l.part_id
    LEFT JOIN serials s ON s.part_id = l.part_id AND s.place = 'order' AND s.place_id = coalesce(r.work_order_id, r.id) AND l.serial_numbers ? s.number
    WHERE l.serial_numbers IS NOT NULL GROUP BY l.id, r.id, p.number
    HAVING l.issued - l.returned <> count(s.id) OR jsonb_array_length(l.serial_numbers) <> count(s.id)"""
# What a document sends and receives leaves one place and comes to another, at the same value: the sums of its movements are nothing.
ON_THE_ROAD = """SELECT m.document_type, m.document_id::text, p.number, m.kind, sum(m.quantity), sum(m.value)
    FROM stock_movements m JOIN parts p ON p.id = m.part_id WHERE m.kind = ANY(%s)
    GROUP BY 1, 2, 3, 4 HAVING sum(m.quantity) <> 0 OR sum(m.value) <> 0"""
RECEIVED = """SELECT r.number, p.number, CASE r.state WHEN 'posted' THEN coalesce(l.quantity, 0) ELSE 0 END, coalesce(m.moved, 0)
    FROM stock_receipt_lines l
    FULL JOIN (SELECT document_id AS receipt_id, part_id, sum(quantity) AS moved FROM stock_movements WHERE document_type = 'stock_receipt' GROUP BY 1, 2) m
      USING (receipt_id, part_id)
    LEFT JOIN stock_receipts r ON r.id = receipt_id LEFT JOIN parts p ON p.id = part_id
    WHERE coalesce(m.moved, 0) <> CASE r.state WHEN 'posted' THEN coalesce(l.quantity, 0) ELSE 0 END"""
SIGNS = """SELECT p.number, m.kind, m.quantity FROM stock_movements m JOIN parts p ON p.id = m.part_id
    WHERE (m.kind = ANY(%s) AND m.quantity < 0) OR (m.kind = ANY(%s) AND m.quantity > 0) OR NOT m.kind = ANY(%s)"""


def check(sources: Sources) -> Iterator[Offender]:
    def rows(statement: str, *given: list[str]) -> Iterator[Any]:
        return sources.rows("inventory", statement, given)

    for warehouse, part, on_hand, binned, lies, moved in rows(BINS):
        yield Offender(3, f"bins of part {part} in warehouse {warehouse}", f"on hand {on_hand}, in bins {binned}, bin by bin {lies}, by movements {moved}")
    for warehouse, bin_, part, lies, moved in rows(BIN):
        yield Offender(3, f"part {part} in bin {bin_} of warehouse {warehouse}", f"lies there {lies}, movements say {moved}")
    for warehouse, part, on_hand, pieces in rows(COUNTED):
        yield Offender(3, f"pieces of part {part} in warehouse {warehouse}", f"on hand {on_hand}, serial numbers {pieces}")
    for serial, part, place, kind in rows(WHERE):
        yield Offender(3, f"serial {serial} of part {part}", f"is at {place}, its last movement says otherwise ({kind})")
    for requisition, part, out, named, pieces in rows(OUT):
        yield Offender(3, f"pieces of part {part} of requisition {requisition}", f"out {out}, {named} named, {pieces} serial numbers are there")
    for receipt, part, told, moved in rows(RECEIVED):
        yield Offender(3, f"part {part} of receipt {receipt}", f"{told} by the receipt, {moved} by movements")
    kinds = contracts.values("inventory", "stock", "Kind")
    by_sign = {sign: [kind for kind, line in kinds.items() if line["sign"] == sign] for sign in (-1, 0, 1)}
    for type_, id_, part, kind, quantity, value in rows(ON_THE_ROAD, by_sign[0]):
        yield Offender(3, f"part {part} of {type_} {id_}", f"{kind}: {quantity} too many, worth {value}")
    for part, kind, quantity in rows(SIGNS, by_sign[1], by_sign[-1], list(kinds)):
        yield Offender(3, f"movement of part {part}", f"{kind} of {quantity}")
