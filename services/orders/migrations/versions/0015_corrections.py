"""Corrections of orders: whose they were before, and what hangs on an order follows it to another site."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import app_role, scope_table

revision = "0015"
down_revision = "0014"

# Only where the order itself stands by its site already, within the caller's scope, and as long as it may still be moved. Rows of
# whatever tables know the order: one added later is not forgotten. The journal and the bytes of files only grow otherwise.
FOLLOW = """
CREATE FUNCTION follow_work_order(wanted uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    place text; files uuid[]; here text := (
        SELECT o.org_path FROM work_orders o JOIN sites s ON s.id = o.site_id AND s.org_path = o.org_path
        WHERE o.id = wanted AND o.state = 'registered'
    );
BEGIN
    IF here IS NULL THEN
        RAISE EXCEPTION 'no order that may go to another site: %', wanted USING ERRCODE = 'insufficient_privilege';
    END IF;
    SET CONSTRAINTS ALL DEFERRED;
    FOR place IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_path'
        JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = 'work_order_id'
        WHERE NOT a.attisdropped AND NOT o.attisdropped AND c.relkind IN ('r', 'p') AND c.relrowsecurity
        AND c.relnamespace = 'public'::regnamespace ORDER BY 1
    LOOP
        EXECUTE format('UPDATE public.%I SET org_path = $2 WHERE work_order_id = $1 AND org_path <> $2', place) USING wanted, here;
    END LOOP;
    files := ARRAY(SELECT id FROM attachments WHERE owner_id = wanted AND owner = 'work_orders');
    UPDATE attachments SET org_path = here WHERE id = ANY (files) AND org_path <> here;
    UPDATE attachment_pieces SET org_path = here WHERE attachment_id = ANY (files) AND org_path <> here;
    UPDATE journal SET org_path = here WHERE entity_id = ANY (files || wanted) AND org_path <> here;
END $$
"""
# As in 0013, and besides: who approved quotes of an order while it was taken for his.
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
    UPDATE work_orders SET
        received_by = CASE WHEN received_by IS NULL THEN NULL ELSE word END,
        quote = CASE WHEN quote->>'approved_by' IS NULL THEN quote ELSE quote || jsonb_build_object('approved_by', word) END
    WHERE id = ANY (his) AND (received_by <> word OR quote->>'approved_by' <> word);
    UPDATE quotes SET quote = quote || jsonb_build_object('approved_by', word)
    WHERE work_order_id = ANY (his) AND quote->>'approved_by' <> word;
    UPDATE journal SET data = data || jsonb_build_object('approved_by', word)
    WHERE entity_id = ANY (his) AND data->>'approved_by' <> word;
    UPDATE journal SET data = data || jsonb_build_object('received_by', word)
    WHERE entity_id = ANY (his) AND data->>'received_by' <> word;
    FOR once IN SELECT work_order_id AS id, quote_version AS until FROM former_customers WHERE customer_id = customer LOOP
        UPDATE work_orders SET quote = quote || jsonb_build_object('approved_by', word)
        WHERE id = once.id AND quote_version <= once.until AND quote->>'approved_by' <> word;
        UPDATE quotes SET quote = quote || jsonb_build_object('approved_by', word)
        WHERE work_order_id = once.id AND version <= once.until AND quote->>'approved_by' <> word;
        UPDATE journal SET data = data || jsonb_build_object('approved_by', word)
        WHERE entity_id = once.id AND data->>'approved_by' <> word AND (data->>'version')::int <= once.until;
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "former_customers",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("quote_version", sa.Integer(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "work_order_id", name=op.f("pk_former_customers")),
    )
    op.create_index(op.f("ix_former_customers_org_path"), "former_customers", ["org_path"])
    op.create_index(op.f("ix_former_customers_work_order_id"), "former_customers", ["work_order_id"])
    scope_table(op, "former_customers")
    op.execute(FOLLOW)
    op.execute("REVOKE ALL ON FUNCTION follow_work_order(uuid) FROM PUBLIC")
    if role := app_role(op.get_bind()):
        op.execute(f'GRANT EXECUTE ON FUNCTION follow_work_order(uuid) TO "{role}"')
    op.execute(FORGET)
