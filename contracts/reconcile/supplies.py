"""3, of requisitions: what an order is told are the sums of those that draw on its quote, one of which is planned; what one needs is what was
asked and is not back, or what the quote allows of it; nothing is kept that is neither needed nor held, nor held beyond its end."""

from __future__ import annotations

from collections.abc import Iterator

from chassis import contracts
from contracts.reconcile.sources import Offender, Sources

_DRAWING = ", ".join(f"'{type_}'" for type_, line in contracts.values("inventory", "requisitions", "Type").items() if line["draws"])
DRAWN = f"r.work_order_id IS NOT NULL AND r.type IN ({_DRAWING})"
"""Of requisitions ``r``: they draw on the quote of an order, so they count for its gates and its bill."""
NAMED = "coalesce(r.number, r.work_order_number, r.id::text)"
"""What people call a requisition ``r``."""

FOLLOWED = """SELECT coalesce(s.work_order_number, r.work_order_number), coalesce(s.work_order_id, r.work_order_id)::text
    FROM supplies s FULL JOIN requisitions r ON r.work_order_id = s.work_order_id AND r.planned
    WHERE r.id IS DISTINCT FROM s.id AND (s.id IS NOT NULL OR r.planned)"""
TOLD = f"""SELECT s.work_order_number, s.work_order_id::text, p.number, are.amounts, told.amounts FROM supplies s
    CROSS JOIN LATERAL (
        SELECT coalesce(a.part_id, t.part_id) AS part_id, a.amounts, t.amounts AS told FROM (
            SELECT l.part_id, jsonb_build_array(trim_scale(sum(l.needed)), trim_scale(sum(least(l.reserved, greatest(l.needed - l.issued + l.returned, 0)))),
                                                trim_scale(sum(l.issued)), trim_scale(sum(l.returned))) AS amounts
            FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id
            WHERE r.work_order_id = s.work_order_id AND {DRAWN} GROUP BY 1 HAVING sum(l.needed) + sum(l.issued) > 0) a
        FULL JOIN (
            SELECT (l ->> 'part_id')::uuid AS part_id, jsonb_build_array(l -> 'needed', l -> 'reserved', l -> 'issued', l -> 'returned') AS amounts
            FROM jsonb_array_elements(coalesce(s.announced -> 'lines', '[]')) l) t USING (part_id)) are
    CROSS JOIN LATERAL (SELECT are.told AS amounts) told LEFT JOIN parts p ON p.id = are.part_id
    WHERE are.amounts IS DISTINCT FROM told.amounts"""
NEEDED = f"""SELECT {NAMED}, coalesce(r.work_order_id, r.id)::text, p.number, l.needed, l.asked, l.issued, l.returned
    FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id JOIN parts p ON p.id = l.part_id
    WHERE NOT r.planned AND CASE WHEN r.applied_at IS NULL OR r.cancelled THEN l.needed <> 0
                            WHEN {DRAWN} THEN l.needed > l.asked - l.returned
                            ELSE l.needed <> l.asked - l.returned END"""
KEPT = f"""SELECT {NAMED}, coalesce(r.work_order_id, r.id)::text, p.number, l.reserved, greatest(l.needed - l.issued + l.returned, 0), l.held, l.held_until
    FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id JOIN parts p ON p.id = l.part_id
    WHERE l.reserved > greatest(l.needed - l.issued + l.returned, l.held) OR (%s AND l.held_until < now() - interval '1 minute')"""


def check(sources: Sources) -> Iterator[Offender]:
    for order, id_ in sources.rows("inventory", FOLLOWED):
        yield Offender(3, f"requisitions of work order {order}", "not one supply row and one planned requisition of its id", (id_,))
    for order, id_, part, are, told in sources.rows("inventory", TOLD):
        detail = f"needed, reserved, issued, returned are {are or 'nothing'}, told was {told or 'nothing'}"
        yield Offender(3, f"supply of part {part} for work order {order}", detail, (id_,))
    for named, id_, part, needed, asked, issued, returned in sources.rows("inventory", NEEDED):
        detail = f"needs {needed}; asked {asked}, issued {issued}, returned {returned}"
        yield Offender(3, f"need of part {part} of requisition {named}", detail, (id_,))
    for named, id_, part, reserved, to_issue, held, until in sources.rows("inventory", KEPT, (sources.live,)):
        detail = f"reserved {reserved}, to be issued {to_issue}, held {held}" + (f" until {until}" if until else "")
        yield Offender(3, f"reservation of part {part} of requisition {named}", detail, (id_,))
