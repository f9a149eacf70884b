"""``move_scope`` does what a remembered move says, ``forget_names`` what an erasure says: both within the caller's scope."""

from alembic import op

from chassis.db.scopes import scope_moves

revision = "0013"
down_revision = "0012"

# As in 0008, and besides: for headquarters, who alone erase, and with the one word that stands for a name that was erased.
FORGET = """
CREATE OR REPLACE FUNCTION forget_names(customer uuid, word text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    his uuid[];
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
END $$
"""


def upgrade() -> None:
    scope_moves(op)
    op.execute(FORGET)
