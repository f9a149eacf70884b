"""Custody (O-101): an order may lie at another site, or be on its way to one, which sees it then; hand-over slips; a directory of names."""

import sqlalchemy as sa
from alembic import op

from chassis.db import custody
from chassis.db.migrate import app_role, indexes, system_scope
from chassis.db.numbering import Kind, more_numbering
from chassis.db.outside import hidden, own
from chassis.db.scopes import scope_moves

revision = "0023"
down_revision = "0022"

CHILDREN = (
    "diagnoses", "quotes", "quote_lines", "part_returns", "checks", "hand_overs", "appointments", "timeline_entries", "requisition_copies",
    "bill_copies", "revisit_copies", "reveals",
)  # fmt: skip
# The words stand once for each path that sees the order.
TOKENS = (
    "DELETE FROM work_order_tokens t USING work_orders w WHERE w.id = wanted AND t.work_order_id = wanted AND t.org_path <> w.org_path",
    """INSERT INTO work_order_tokens (token, org_path, work_order_id)
        SELECT t.token, place.path, wanted FROM work_orders w JOIN work_order_tokens t ON t.work_order_id = w.id AND t.org_path = w.org_path
        CROSS JOIN unnest(ARRAY[w.held_path, w.bound_path]) place (path) WHERE w.id = wanted AND place.path IS NOT NULL
        ON CONFLICT DO NOTHING""",
)
INDEX = """
CREATE FUNCTION index_work_order(wanted uuid, words text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    seen text := nullif(current_setting('app.scope', true), '');
    places text[] := (SELECT ARRAY[org_path, held_path, bound_path] FROM work_orders WHERE id = wanted FOR UPDATE);
BEGIN
    IF places IS NULL THEN
        RAISE EXCEPTION 'no such order: %', wanted USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('app.scope', '/', true);
    DELETE FROM work_order_tokens WHERE work_order_id = wanted;
    INSERT INTO work_order_tokens (token, org_path, work_order_id)
    SELECT DISTINCT word, place, wanted FROM unnest(words) word CROSS JOIN unnest(places) place WHERE place IS NOT NULL;
    PERFORM set_config('app.scope', seen, true);
END $$
"""
# As in 0015, and besides: the order's own path is written here too, to that of the site it names, as long as nobody else has the device.
FOLLOW = """
CREATE OR REPLACE FUNCTION follow_work_order(wanted uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    place text; files uuid[]; here text := (
        SELECT s.org_path FROM work_orders o JOIN sites s ON s.id = o.site_id
        WHERE o.id = wanted AND o.state = 'registered' AND o.held_path IS NULL AND o.bound_path IS NULL
    );
BEGIN
    IF here IS NULL THEN
        RAISE EXCEPTION 'no order that may go to another site: %', wanted USING ERRCODE = 'insufficient_privilege';
    END IF;
    SET CONSTRAINTS ALL DEFERRED;
    UPDATE work_orders SET org_path = here WHERE id = wanted AND org_path <> here;
    FOR place IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_path'
        JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = 'work_order_id'
        WHERE NOT a.attisdropped AND NOT o.attisdropped AND c.relkind IN ('r', 'p') AND c.relrowsecurity
        AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'hand_over_slips' ORDER BY 1
    LOOP
        EXECUTE format('UPDATE public.%I SET org_path = $2 WHERE work_order_id = $1 AND org_path <> $2', place) USING wanted, here;
    END LOOP;
    files := ARRAY(SELECT id FROM attachments WHERE owner_id = wanted AND owner = 'work_orders');
    UPDATE attachments SET org_path = here WHERE id = ANY (files) AND org_path <> here;
    UPDATE attachment_pieces SET org_path = here WHERE attachment_id = ANY (files) AND org_path <> here;
    UPDATE journal SET org_path = here WHERE entity_id = ANY (files || wanted) AND org_path <> here;
END $$
"""
KEEP = """
CREATE FUNCTION keep_directory() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO directory (id, kind, code, name, search_key, path, active)
    VALUES (NEW.id, TG_ARGV[0], to_jsonb(NEW) ->> 'code', NEW.name, NEW.search_key, NEW.org_path, coalesce((to_jsonb(NEW) ->> 'active')::boolean, true))
    ON CONFLICT (id) DO UPDATE SET code = excluded.code, name = excluded.name, search_key = excluded.search_key, path = excluded.path, active = excluded.active;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    custody.held(op, "work_orders")
    for table in CHILDREN:
        custody.follows(op, table, "work_order_id", "work_orders")
    custody.follows(op, "attachments", "owner_id", "work_orders", optional=True)
    custody.follows(op, "attachment_pieces", "attachment_id", "attachments", optional=True)
    _directory()
    _slips()
    custody.told(op, "work_orders", "hand_over_slips", "reveals")
    custody.follows(op, "journal", "entity_id", "work_orders", "hand_over_slips", optional=True)
    custody.functions(op, {"work_orders": TOKENS}, sites="sites")
    scope_moves(op)
    op.execute(FOLLOW)
    op.execute(INDEX)
    op.execute("REVOKE ALL ON FUNCTION index_work_order(uuid, text[]) FROM PUBLIC")
    if role := app_role(op.get_bind()):
        op.execute(f'GRANT EXECUTE ON FUNCTION index_work_order(uuid, text[]) TO "{role}"')
        op.execute(f'REVOKE ALL ON directory FROM "{role}"')
        op.execute(f'GRANT SELECT ON directory TO "{role}"')
    indexes(
        op,
        {
            "ix_work_orders_held_site_id": "work_orders (held_site_id, created_at, id) WHERE held_site_id IS NOT NULL",
            "uq_work_orders_whose": "work_orders (id, org_path)",
        },
    )


def _directory() -> None:
    op.create_table(
        "directory",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(collation="C")),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("search_key", sa.Text(collation="C"), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directory")),
    )
    op.create_index("ix_directory_kind", "directory", ["kind", "code", "id"])
    system_scope(op)
    op.execute(KEEP)
    for table, kind, code, active in (("sites", "site", "code", "true"), ("technicians", "technician", "NULL", "active")):
        op.execute(f"INSERT INTO directory SELECT id, '{kind}', {code}, name, search_key, org_path, {active} FROM {table}")
        op.execute(f"CREATE TRIGGER directory AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION keep_directory('{kind}')")
    own(op, "directory", also="kind = 'site'")


def _slips() -> None:
    columns = (
        ("number", sa.Text(), False), ("work_order_id", sa.Uuid(), False), ("work_order_number", sa.Text(), False),
        ("state", sa.String(32), False), ("from_site_id", sa.Uuid(), False), ("to_site_id", sa.Uuid(), False),
        ("product_id", sa.Uuid(), True), ("quantity", sa.Integer(), False), ("serial_number", sa.Text(), True), ("fault", sa.Text(), False), ("remark", sa.Text(), True),
        ("given_by", sa.Text(), False), ("given_at", sa.DateTime(timezone=True), False),
        ("received_by", sa.Text(), True), ("received_at", sa.DateTime(timezone=True), True),
        ("repaired_at", sa.DateTime(timezone=True), True),
        ("returned_by", sa.Text(), True), ("returned_at", sa.DateTime(timezone=True), True),
        ("collected_by", sa.Text(), True), ("collected_at", sa.DateTime(timezone=True), True),
        ("reason", sa.Text(), True),
    )  # fmt: skip
    op.create_table(
        "hand_over_slips",
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(name, kind, nullable=optional) for name, kind, optional in columns),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("held_site_id", sa.Uuid()),
        sa.Column("held_path", sa.Text(collation="C")),
        sa.Column("bound_site_id", sa.Uuid()),
        sa.Column("bound_path", sa.Text(collation="C")),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(f"{verb}_{what}", kind, nullable=False) for verb in ("created", "updated") for what, kind in (("at", sa.DateTime(timezone=True)), ("by", sa.Text()))),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_over_slips")),
        sa.UniqueConstraint("number", name=op.f("uq_hand_over_slips_number")),
        sa.ForeignKeyConstraint(["work_order_id"], ["work_orders.id"], name=op.f("fk_hand_over_slips_work_order_id")),
    )
    op.create_index("ix_hand_over_slips_org_path", "hand_over_slips", ["org_path"])
    op.create_index("ix_hand_over_slips_work_order_id", "hand_over_slips", ["work_order_id", "created_at", "id"])
    op.create_index("ix_hand_over_slips_state", "hand_over_slips", ["state", "created_at", "id"])
    op.create_index("ix_hand_over_slips_created_at", "hand_over_slips", ["created_at", "id"])
    # One holder: a device is on one road at a time, and nowhere twice, so that it finds its way back.
    for name, columns_, states in (
        ("uq_hand_over_slips_road", ["work_order_id"], "'sent', 'sent_back', 'lost'"),
        ("uq_hand_over_slips_to_site_id", ["work_order_id", "to_site_id"], "'sent', 'received', 'sent_back', 'lost'"),
    ):
        op.create_index(name, "hand_over_slips", columns_, unique=True, postgresql_where=sa.text(f"state IN ({states})"))
    custody.seen_by_all_three(op, "hand_over_slips")
    for table in ("hand_over_slips", "reveals"):  # which policies ask of everybody
        hidden(op, table)
    more_numbering(op, {"work_order": Kind("work_orders", "RE")}, {"hand_over_slip": Kind("hand_over_slips", "HS")})
