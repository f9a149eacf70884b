"""Warranty as O-26 counts it: days in repair are periods, which are united; terms and what rests on them are computed again.

A stay knew its order and its days. Its order says when it began; one that cannot be found (none should be) begins with the device.
Coverage is decided again where an open order still rests on the device's term as it stood and nobody was quoted a price for it.
"""

import sqlalchemy as sa
from alembic import op

from chassis.db.changes import record_changes
from chassis.db.migrate import system_scope

revision = "0012"
down_revision = "0011"

STAYS = """
WITH known AS (
    SELECT d.id, stay->>'number' AS number, (stay->>'days')::int AS days, place, (d.created_at AT TIME ZONE 'UTC')::date AS made
    FROM devices d CROSS JOIN jsonb_array_elements(d.stays) WITH ORDINALITY AS s (stay, place)
    WHERE d.stays <> '[]'
), dated AS (
    SELECT known.*, coalesce((o.registered_at AT TIME ZONE o.time_zone)::date, known.made) AS began
    FROM known LEFT JOIN work_orders o ON o.number = known.number
), told AS (
    SELECT id, jsonb_agg(jsonb_build_object('number', number, 'from', began, 'to', began + days) ORDER BY place) AS stays
    FROM dated GROUP BY id
)
UPDATE devices d SET stays = told.stays FROM told WHERE told.id = d.id
"""

# PostgreSQL's months are clamped to the month's end: where there is no day of that number, the clamped one is the last covered.
TERMS = """
CREATE TEMPORARY TABLE terms ON COMMIT DROP AS
SELECT d.id, d.warranty_ends_on AS was, t.base, t.base + t.days AS now, t.days, d.purchased_on AS start
FROM devices d CROSS JOIN LATERAL (
    SELECT (d.purchased_on + make_interval(months => d.warranty_months))::date
           - CASE WHEN extract(day FROM d.purchased_on + make_interval(months => d.warranty_months))
                       = extract(day FROM d.purchased_on) THEN 1 ELSE 0 END AS base,
           (SELECT count(DISTINCT away.day)::int
            FROM jsonb_array_elements(d.stays) stay
            CROSS JOIN generate_series((stay->>'from')::date, (stay->>'to')::date - 1, interval '1 day') AS away (day)) AS days
) t
WHERE d.purchased_on IS NOT NULL
"""

DEVICES = "UPDATE devices d SET warranty_ends_on = t.now FROM terms t WHERE t.id = d.id AND t.now <> d.warranty_ends_on"
DEVICES_CHANGED = """
SELECT id, NULL AS org_path, jsonb_build_object('warranty_ends_on', jsonb_build_array(was, now)) AS data
FROM terms WHERE now <> was
"""

# Lines before and after the ones that dates decide stay as they are: "repair_days" is one of those where there are days.
ORDERS = """
CREATE TEMPORARY TABLE decisions ON COMMIT DROP AS
SELECT o.id, o.org_path, o.coverage AS was, o.coverage_reason->-1->>'code' AS last, d.stays, t.*, f.day AS fault_on, f.code
FROM work_orders o
JOIN devices d ON d.id = o.device_id
JOIN (SELECT id AS device_id, was AS ended_on, base, now AS ends_on, days, start FROM terms) t ON t.device_id = d.id
CROSS JOIN LATERAL (SELECT (o.registered_at AT TIME ZONE o.time_zone)::date AS day) today
CROSS JOIN LATERAL (
    SELECT today.day, CASE WHEN today.day < t.start THEN 'fault_before_term'
                           WHEN today.day <= t.ends_on THEN 'fault_in_term' ELSE 'fault_after_term' END AS code) f
WHERE o.state IN ('registered', 'in_repair') AND (o.quote IS NULL OR o.quote->>'state' IN ('rejected', 'void'))
  AND o.coverage_reason->0->>'start' = t.start::text
  AND EXISTS (SELECT FROM jsonb_array_elements(o.coverage_reason) line
              WHERE line->>'code' LIKE 'fault_%' AND line->>'ends_on' = t.ended_on::text
                AND (line->>'code' <> f.code OR t.ends_on <> t.ended_on))
"""
DECIDED = """
CASE WHEN {0}.last LIKE 'fault_%' THEN CASE {0}.code WHEN 'fault_in_term' THEN 'in_warranty' ELSE 'out_of_warranty' END
     ELSE {0}.was END
"""
ORDERS_WRITTEN = f"""
UPDATE work_orders o SET coverage = {DECIDED.format("n")}, coverage_reason =
    jsonb_build_array(o.coverage_reason->0 || jsonb_build_object('ends_on', n.base))
    || CASE WHEN n.days = 0 THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
           'code', 'repair_days', 'days', n.days, 'repairs', n.stays, 'ends_on', n.ends_on)) END
    || jsonb_build_array(jsonb_build_object('code', n.code, 'fault_on', n.fault_on, 'start', n.start, 'ends_on', n.ends_on))
    || coalesce((SELECT jsonb_agg(line ORDER BY place) FROM jsonb_array_elements(o.coverage_reason) WITH ORDINALITY AS l (line, place)
                 WHERE line->>'code' LIKE 'exclusion_%' OR line->>'code' = 'no_quality_defect'), '[]')
FROM decisions n WHERE n.id = o.id
"""
ORDERS_CHANGED = f"""
SELECT id, org_path, jsonb_strip_nulls(jsonb_build_object(
    'coverage', CASE WHEN {DECIDED.format("n")} <> was THEN jsonb_build_array(was, {DECIDED.format("n")}) END,
    'ends_on', CASE WHEN ends_on <> ended_on THEN jsonb_build_array(ended_on, ends_on) END)) AS data
FROM decisions n WHERE {DECIDED.format("n")} <> was OR ends_on <> ended_on
"""


def upgrade() -> None:
    system_scope(op)
    for statement in (STAYS, TERMS, DEVICES, ORDERS, ORDERS_WRITTEN):
        op.execute(sa.text(statement))
    record_changes(op, revision, "devices", "term_mended", DEVICES_CHANGED)
    record_changes(op, revision, "work_orders", "term_mended", ORDERS_CHANGED)
