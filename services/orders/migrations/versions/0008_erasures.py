"""Customers who were erased (C-04), and the names of their people on documents nobody may rewrite otherwise."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import app_role, append_only

revision = "0008"
down_revision = "0007"

# Versions of a quote and the journal only grow, also for the application. Here, as the owner, one word is put in the place of
# who approved and who took the device, on documents of an erased customer and of no other. Row-level security holds for the
# owner as well: what the caller's scope hides stays.
FORGET = """
CREATE FUNCTION forget_names(customer uuid, word text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    his uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM customer_copies WHERE id = customer AND erased_at IS NOT NULL) THEN
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
END $$
"""


def upgrade() -> None:
    op.add_column("customer_copies", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    append_only(op, "erasures")
    op.execute(FORGET)
    op.execute("REVOKE ALL ON FUNCTION forget_names(uuid, text) FROM PUBLIC")
    if role := app_role(op.get_bind()):
        op.execute(f'GRANT EXECUTE ON FUNCTION forget_names(uuid, text) TO "{role}"')
