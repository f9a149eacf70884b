"""3, of requisitions: what an order is told are the sums of those that draw on its quote, one of which is planned; what one needs is what was
asked and is not back, or what the quote allows of it; nothing is kept that is neither needed nor held, nor held beyond its end. All that an
order asks stands where its device is: what sees it, which store serves it, in whose warehouses parts are kept for it, where its pieces are."""

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

# Of what an order asks: its requisitions as its supply row, their lines as they. A path that is the document's own says nothing of others.
_PLACE = "coalesce(s.held_site_id, s.site_id)"
STANDS = f"""SELECT {NAMED}, r.work_order_id::text, r.site_id, coalesce(r.held_path, r.org_path), r.bound_path, {_PLACE}, coalesce(s.held_path, s.org_path), s.bound_path
    FROM requisitions r JOIN supplies s ON s.work_order_id = r.work_order_id
    WHERE r.site_id <> {_PLACE} OR coalesce(r.held_path, r.org_path) <> coalesce(s.held_path, s.org_path)
      OR r.bound_path IS DISTINCT FROM s.bound_path OR r.bound_site_id IS DISTINCT FROM s.bound_site_id OR (r.planned AND r.org_path <> s.org_path)
      OR r.held_site_id IS DISTINCT FROM CASE WHEN r.held_path IS NOT NULL THEN r.site_id END"""
SITES = f"""SELECT s.work_order_number, s.work_order_id::text, h.org_path, coalesce(s.held_path, s.org_path), b.org_path, s.bound_path
    FROM supplies s LEFT JOIN site_copies h ON h.id = {_PLACE} LEFT JOIN site_copies b ON b.id = s.bound_site_id
    WHERE h.org_path IS DISTINCT FROM coalesce(s.held_path, s.org_path) OR b.org_path IS DISTINCT FROM s.bound_path"""
LINES = f"""SELECT {NAMED}, coalesce(r.work_order_id, r.id)::text, p.number FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id JOIN parts p ON p.id = l.part_id
    WHERE (l.org_path, l.held_path, l.bound_path, l.site_id) IS DISTINCT FROM (r.org_path, r.held_path, r.bound_path, r.site_id)"""
AWAY = f"""SELECT {NAMED}, coalesce(r.work_order_id, r.id)::text, p.number, w.code, a.reserved FROM allocations a
    JOIN requisitions r ON r.id = a.requisition_id JOIN warehouses w ON w.id = a.warehouse_id JOIN parts p ON p.id = a.part_id
    WHERE a.org_path <> r.org_path OR (a.reserved > 0 AND w.site_id <> r.site_id)"""
OUT = """SELECT n.number, p.number, s.work_order_number, s.work_order_id::text, n.org_path, coalesce(s.held_path, s.org_path)
    FROM serials n JOIN supplies s ON s.work_order_id = n.place_id JOIN parts p ON p.id = n.part_id
    WHERE n.place = 'order' AND n.org_path <> coalesce(s.held_path, s.org_path)"""


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
    yield from _stands(sources)


def _stands(sources: Sources) -> Iterator[Offender]:
    for order, id_, path, held, road, bound in sources.rows("inventory", SITES):
        yield Offender(3, f"supply of work order {order}", f"stands at {held}, on its way to {bound}; its sites are at {path}, {road}", (id_,))
    for named, id_, *it, site, held, bound in sources.rows("inventory", STANDS):
        detail = f"site {it[0]} at {it[1]}, on its way to {it[2]}; its order's supply has site {site} at {held}, on its way to {bound}"
        yield Offender(3, f"place of requisition {named}", detail, (id_,))
    for named, id_, part in sources.rows("inventory", LINES):
        yield Offender(3, f"place of part {part} of requisition {named}", "not that of its requisition", (id_,))
    for named, id_, part, warehouse, reserved in sources.rows("inventory", AWAY):
        yield Offender(3, f"part {part} of requisition {named} in warehouse {warehouse}", f"reserved {reserved}, at another site or with another path", (id_,))
    for serial, part, order, id_, path, held in sources.rows("inventory", OUT):
        yield Offender(3, f"serial {serial} of part {part}", f"is out for work order {order} at {held}, and seen at {path}", (id_,))
