"""The order in parts: diagnosis, quotes with their lines, parts that came back, checks and hand-over become rows of their own.

Every quote version stands in ``quotes``, the newest too. Checks are made of the journal, which knows each of them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import app_role, append_only, scope_table, system_scope
from chassis.db.outside import follows, outside_role

revision = "0017"
down_revision = "0016"

MONEY = sa.Numeric(14, 2)
MADE = ("diagnoses", "quote_lines", "part_returns", "checks", "hand_overs")

QUOTES = """
INSERT INTO quotes (work_order_id, version, org_path, quote, replaced_at)
SELECT id, quote_version, org_path, quote, NULL FROM work_orders WHERE quote IS NOT NULL;
UPDATE quotes SET
    state = quote->>'state', coverage = quote->>'coverage', tax_rate = (quote->>'tax_rate')::numeric,
    currency = quote->>'currency', customer_total = (quote->>'customer_total')::numeric,
    maker_total = (quote->>'maker_total')::numeric, approved_by = quote->>'approved_by', reason = quote->>'reason'
"""
LINES = """
INSERT INTO quote_lines (id, work_order_id, version, position, kind, ref, description, quantity, minutes, unit_price, net, tax,
    customer_amount, maker_amount, org_path)
SELECT gen_random_uuid(), q.work_order_id, q.version, line.place, line.it->>'kind', line.it->>'ref', line.it->>'description',
    (line.it->>'quantity')::numeric, (line.it->>'minutes')::int, (line.it->>'unit_price')::numeric, (line.it->>'net')::numeric,
    (line.it->>'tax')::numeric, (line.it->>'customer_amount')::numeric, (line.it->>'maker_amount')::numeric, q.org_path
FROM quotes q CROSS JOIN jsonb_array_elements(q.quote->'lines') WITH ORDINALITY AS line (it, place)
"""
DIAGNOSES = """
INSERT INTO diagnoses (work_order_id, symptom, cause, finding, quality_defect, exclusion, org_path)
SELECT id, diagnosis->>'symptom', diagnosis->>'cause', diagnosis->>'finding', coalesce((diagnosis->>'quality_defect')::boolean, true),
    diagnosis->>'exclusion', org_path
FROM work_orders WHERE diagnosis IS NOT NULL
"""
RETURNS = """
INSERT INTO part_returns (id, work_order_id, version, part_id, quantity, quality, org_path)
SELECT (item->>'id')::uuid, o.id, (item->>'version')::int, (item->>'part_id')::uuid, (item->>'quantity')::numeric, item->>'quality',
    o.org_path
FROM work_orders o CROSS JOIN jsonb_array_elements(o.returns) item
"""
RETURNED = "UPDATE work_orders SET returned = true WHERE returns <> '[]'"
CHECKS = """
INSERT INTO checks (id, work_order_id, at, by, passed, reason, org_path)
SELECT gen_random_uuid(), o.id, j.at, j.actor, (j.data->>'passed')::boolean, j.why, o.org_path
FROM journal j JOIN work_orders o ON o.id = j.entity_id
WHERE j.entity = 'work_orders' AND j.action = 'check' AND j.data ? 'passed'
"""
HAND_OVERS = """
INSERT INTO hand_overs (work_order_id, at, received_by, org_path)
SELECT id, coalesce(completed_at, updated_at), received_by, org_path FROM work_orders WHERE received_by IS NOT NULL
"""
# As in 0015, in the new places.
FORGET = """
CREATE OR REPLACE FUNCTION forget_names(customer uuid, word text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    his uuid[]; once record;
BEGIN
    IF starts_with('/HQ/', nullif(current_setting('app.scope', true), '')) IS NOT TRUE OR word IS DISTINCT FROM '已抹除'
        OR NOT EXISTS (SELECT FROM customer_copies WHERE id = customer AND erased_at IS NOT NULL)
        OR NOT EXISTS (SELECT FROM erasures WHERE id = customer)
    THEN
        RAISE EXCEPTION 'customer % is not erased', customer USING ERRCODE = 'insufficient_privilege';
    END IF;
    his := ARRAY(SELECT id FROM work_orders WHERE customer_id = customer);
    UPDATE hand_overs SET received_by = word WHERE work_order_id = ANY (his) AND received_by <> word;
    UPDATE quotes SET approved_by = word WHERE work_order_id = ANY (his) AND approved_by <> word;
    UPDATE journal SET data = data || jsonb_build_object('approved_by', word)
    WHERE entity_id = ANY (his) AND data->>'approved_by' <> word;
    UPDATE journal SET data = data || jsonb_build_object('received_by', word)
    WHERE entity_id = ANY (his) AND data->>'received_by' <> word;
    FOR once IN SELECT work_order_id AS id, quote_version AS until FROM former_customers WHERE customer_id = customer LOOP
        UPDATE quotes SET approved_by = word WHERE work_order_id = once.id AND version <= once.until AND approved_by <> word;
        UPDATE journal SET data = data || jsonb_build_object('approved_by', word)
        WHERE entity_id = once.id AND data->>'approved_by' <> word AND (data->>'version')::int <= once.until;
    END LOOP;
END $$
"""


def upgrade() -> None:
    _tables()
    system_scope(op)
    for statement in (*QUOTES.split(";"), LINES, DIAGNOSES, RETURNS, RETURNED, CHECKS, HAND_OVERS):
        op.execute(statement)
    for name in ("state", "coverage", "tax_rate", "currency", "customer_total", "maker_total"):
        op.alter_column("quotes", name, nullable=False)
    op.alter_column("work_orders", "returned", server_default=None)
    op.drop_column("quotes", "quote")
    for name in ("diagnosis", "quote", "returns", "received_by"):
        op.drop_column("work_orders", name)
    op.execute(FORGET)
    _guards()


def _order() -> sa.Column[Any]:
    return sa.Column("work_order_id", sa.Uuid(), sa.ForeignKey("work_orders.id"), nullable=False)


def _tables() -> None:
    op.add_column("work_orders", sa.Column("returned", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("quotes", "replaced_at", nullable=True)
    op.create_foreign_key(op.f("fk_quotes_work_order_id"), "quotes", "work_orders", ["work_order_id"], ["id"])
    for column in (
        sa.Column("state", sa.String(32)),
        sa.Column("coverage", sa.String(32)),
        sa.Column("tax_rate", sa.Numeric()),
        sa.Column("currency", sa.Text()),
        sa.Column("customer_total", MONEY),
        sa.Column("maker_total", MONEY),
        sa.Column("approved_by", sa.Text()),
        sa.Column("reason", sa.Text()),
    ):
        op.add_column("quotes", column)
    op.create_table(
        "diagnoses",
        _order(),
        sa.Column("symptom", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("quality_defect", sa.Boolean(), nullable=False),
        sa.Column("exclusion", sa.Text()),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("work_order_id", name=op.f("pk_diagnoses")),
    )
    op.create_table(
        "quote_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(18, 6), nullable=False),
        sa.Column("minutes", sa.Integer()),
        *(sa.Column(name, MONEY, nullable=False) for name in ("unit_price", "net", "tax", "customer_amount", "maker_amount")),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote_lines")),
        sa.ForeignKeyConstraint(
            ["work_order_id", "version"], ["quotes.work_order_id", "quotes.version"], name=op.f("fk_quote_lines_work_order_id")
        ),
    )
    place = ["work_order_id", "version", "position"]
    op.create_index(op.f("ix_quote_lines_work_order_id_version_position"), "quote_lines", place, unique=True)
    op.create_table(
        "part_returns",
        sa.Column("id", sa.Uuid(), nullable=False),
        _order(),
        sa.Column("version", sa.Integer()),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Numeric(18, 6), nullable=False),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part_returns")),
    )
    op.create_table(
        "checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        _order(),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checks")),
    )
    op.create_table(
        "hand_overs",
        _order(),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("work_order_id", name=op.f("pk_hand_overs")),
    )
    for table in MADE:
        op.create_index(op.f(f"ix_{table}_org_path"), table, ["org_path"])
    for table in ("part_returns", "checks"):
        op.create_index(op.f(f"ix_{table}_work_order_id"), table, ["work_order_id"])


def _guards() -> None:
    for table in MADE:
        scope_table(op, table)
    append_only(op, "quote_lines", "part_returns", "checks", "hand_overs")
    for table in ("diagnoses", "quote_lines", "part_returns", "hand_overs"):
        follows(op, table, "work_orders", "work_order_id")
    # The newest version gets its answer, also from whoever the order is for; what was replaced stays as it stood.
    answer = "state, approved_by, reason"
    app, outside = app_role(op.get_bind()), outside_role(op)
    for role, columns in ((app, f"{answer}, replaced_at"), (outside, answer)):
        if role:
            op.execute(f'GRANT UPDATE ({columns}) ON quotes TO "{role}"')
    if roles := ", ".join(f'"{role}"' for role in (app, outside) if role):
        op.execute(f"CREATE POLICY newest ON quotes AS RESTRICTIVE FOR UPDATE TO {roles} USING (replaced_at IS NULL) WITH CHECK (true)")
    if app:
        op.execute(f'REVOKE DELETE, TRUNCATE ON diagnoses FROM "{app}"')
        op.execute(f'GRANT EXECUTE ON FUNCTION forget_names(uuid, text) TO "{app}"')
