"""11. A device has one holder: where its order says it is, the hand-over slips say it is, and everything that hangs on the order stands where it
is seen (O-101). Of a device that went from site to site the innermost stay decides."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.reconcile.sources import Offender, Sources

# Open slips of an order are a chain, each from where the one before led; the last is the one nobody was sent on from.
LAST = """SELECT DISTINCT ON (s.work_order_id) s.* FROM hand_over_slips s WHERE s.state IN ('sent', 'received', 'sent_back', 'lost')
    AND NOT EXISTS (SELECT FROM hand_over_slips n WHERE n.work_order_id = s.work_order_id AND n.from_site_id = s.to_site_id
                    AND n.state IN ('sent', 'received', 'sent_back', 'lost')) ORDER BY s.work_order_id"""
HOLDERS = f"""SELECT o.id::text, o.number, o.held_site_id::text, o.bound_site_id::text, says.held::text, says.bound::text
    FROM work_orders o LEFT JOIN ({LAST}) s ON s.work_order_id = o.id
    CROSS JOIN LATERAL (SELECT
        CASE WHEN s.id IS NULL THEN NULL
             ELSE nullif(CASE WHEN s.state IN ('received', 'sent_back') OR s.returned_at IS NOT NULL THEN s.to_site_id ELSE s.from_site_id END, o.site_id)
        END AS held,
        CASE WHEN s.state IN ('sent', 'sent_back', 'lost') THEN CASE WHEN s.returned_at IS NULL THEN s.to_site_id ELSE s.from_site_id END END AS bound
    ) says
    WHERE (o.held_site_id IS NOT NULL OR o.bound_site_id IS NOT NULL OR s.id IS NOT NULL)
    AND (o.held_site_id IS DISTINCT FROM says.held OR o.bound_site_id IS DISTINCT FROM says.bound) ORDER BY 1"""
PATHS = """SELECT o.id::text, o.number FROM work_orders o LEFT JOIN sites h ON h.id = o.held_site_id LEFT JOIN sites b ON b.id = o.bound_site_id
    WHERE (o.held_path IS NOT NULL OR o.bound_path IS NOT NULL OR o.held_site_id IS NOT NULL OR o.bound_site_id IS NOT NULL)
    AND (o.held_path IS DISTINCT FROM h.org_path OR o.bound_path IS DISTINCT FROM b.org_path) ORDER BY 1"""
WORDS = """SELECT o.id::text, o.number FROM work_orders o
    WHERE (o.held_path IS NOT NULL OR o.bound_path IS NOT NULL OR EXISTS (SELECT FROM hand_over_slips s WHERE s.work_order_id = o.id))
    AND EXISTS (
        (SELECT t.token, p.path FROM work_order_tokens t, unnest(ARRAY[o.org_path, o.held_path, o.bound_path]) p (path)
            WHERE t.work_order_id = o.id AND t.org_path = o.org_path AND p.path IS NOT NULL
         EXCEPT SELECT token, org_path FROM work_order_tokens WHERE work_order_id = o.id)
        UNION ALL (SELECT token, org_path FROM work_order_tokens WHERE work_order_id = o.id AND org_path <> ALL (array_remove(ARRAY[o.org_path, o.held_path, o.bound_path], NULL)))
    ) ORDER BY 1"""
NAMES = """SELECT coalesce(s.id, t.id, d.id)::text, coalesce(s.name, t.name, d.name) FROM directory d
    FULL JOIN sites s ON s.id = d.id LEFT JOIN technicians t ON t.id = d.id
    WHERE (d.name, d.path) IS DISTINCT FROM (coalesce(s.name, t.name), coalesce(s.org_path, t.org_path)) ORDER BY 1"""


def check(sources: Sources) -> Iterator[Offender]:
    for id_, number, held, bound, slip_held, slip_bound in sources.rows("orders", HOLDERS):
        detail = f"its order says at {held or 'its own site'}, bound for {bound or 'nowhere'}; the slips {slip_held or 'its own site'}, {slip_bound or 'nowhere'}"
        yield Offender(11, f"device of work order {number}", detail, (id_,))
    for id_, number in sources.rows("orders", PATHS):
        yield Offender(11, f"paths of work order {number}", "are not those of the sites that have or shall receive its device", (id_,))
    for id_, number in sources.rows("orders", WORDS):
        yield Offender(11, f"words of work order {number}", "are not found by exactly those who see it", (id_,))
    for id_, name in sources.rows("orders", NAMES):
        yield Offender(11, f"directory entry {name}", "does not agree with its site or technician", (id_,))
