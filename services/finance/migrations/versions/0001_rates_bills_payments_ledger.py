"""Labour rates, bills, payments, ledger."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import app_role, append_only, chassis_tables, scope_table

revision = "0001"
down_revision = None

# (code, number in the chart of accounts, nature, Chinese name, English name)
ACCOUNTS = [
    ("cash", "1001", "asset", "库存现金", "Cash"),
    ("bank", "1002", "asset", "银行存款", "Bank"),
    ("card_clearing", "1012.01", "asset", "其他货币资金—刷卡在途", "Card clearing"),
    ("online_clearing", "1012.02", "asset", "其他货币资金—网上支付在途", "Online clearing"),
    ("receivable_customers", "1122.01", "asset", "应收账款—客户", "Receivable from customers"),
    ("receivable_makers", "1122.02", "asset", "应收账款—厂家", "Receivable from makers"),
    ("output_tax", "2221.01", "liability", "应交税费—销项税额", "Output tax"),
    ("revenue_labour", "6001.01", "revenue", "主营业务收入—工时", "Revenue from labour"),
    ("revenue_parts", "6001.02", "revenue", "主营业务收入—配件", "Revenue from parts"),
]

# Runs at COMMIT, as the owner and under the scope of all: a caller who narrows its scope before committing cannot hide
# entries from the sum. The count refuses entries added to a posting of an earlier transaction.
BALANCED = """
CREATE FUNCTION ledger_balanced() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    posting uuid := CASE TG_TABLE_NAME WHEN 'ledger_postings' THEN (to_jsonb(NEW) ->> 'id')::uuid
                                       ELSE (to_jsonb(NEW) ->> 'posting_id')::uuid END;
    wanted integer;
    written integer;
    total numeric;
    scope text := coalesce(current_setting('app.scope', true), '');
BEGIN
    PERFORM set_config('app.scope', '/', true);
    SELECT entry_count INTO wanted FROM ledger_postings WHERE id = posting;
    SELECT count(*), coalesce(sum(amount), 0) INTO written, total FROM ledger_entries WHERE posting_id = posting;
    PERFORM set_config('app.scope', scope, true);
    IF written <> wanted OR total <> 0 THEN
        RAISE EXCEPTION 'posting % has % of % entries, which sum to %', posting, written, wanted, total
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_ledger_postings_balanced', TABLE = 'ledger_postings';
    END IF;
    RETURN NULL;
END $$
"""

# At COMMIT as well: what a bill says is open follows from its payments, and the ledger says the same.
COVERED = """
CREATE FUNCTION bill_covered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    bill uuid := CASE TG_TABLE_NAME WHEN 'bills' THEN (to_jsonb(NEW) ->> 'id')::uuid
                                    WHEN 'payments' THEN (to_jsonb(NEW) ->> 'bill_id')::uuid END;
    said numeric;
    due numeric;
    posted numeric;
    scope text := coalesce(current_setting('app.scope', true), '');
BEGIN
    PERFORM set_config('app.scope', '/', true);
    IF bill IS NULL THEN
        SELECT bill_id INTO bill FROM ledger_postings WHERE id = (to_jsonb(NEW) ->> 'posting_id')::uuid;
    END IF;
    SELECT open_amount, customer_total INTO said, due FROM bills WHERE id = bill;
    SELECT due - coalesce(sum(amount), 0) INTO due FROM payments WHERE bill_id = bill;
    SELECT coalesce(sum(e.amount), 0) INTO posted FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id
    WHERE p.bill_id = bill AND e.account = 'receivable_customers';
    PERFORM set_config('app.scope', scope, true);
    IF said <> due OR said <> posted THEN
        RAISE EXCEPTION 'bill % has % open, % after its payments, % in the ledger', bill, said, due, posted
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_bills_covered', TABLE = 'bills';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    chassis_tables(op)
    op.create_table(
        "accounts",
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("nature", sa.String(32), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_accounts")),
        sa.UniqueConstraint("number"),
    )
    op.create_table(
        "bills",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_number", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("net_total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("tax_total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("customer_total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("maker_total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("open_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'settled') = (open_amount = 0)", name=op.f("ck_bills_settled")),
        sa.CheckConstraint(
            "open_amount >= 0 AND open_amount <= customer_total", name=op.f("ck_bills_open_amount")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bills")),
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("work_order_id", "round", name=op.f("uq_bills_work_order_id_round")),
    )
    op.create_index(op.f("ix_bills_created_at_id"), "bills", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_bills_customer_id"), "bills", ["customer_id"], unique=False)
    op.create_index(op.f("ix_bills_issued_on_id"), "bills", ["issued_on", "id"], unique=False)
    op.create_index(op.f("ix_bills_org_path"), "bills", ["org_path"], unique=False)
    op.create_index(op.f("ix_bills_site_id"), "bills", ["site_id"], unique=False)
    op.create_table(
        "labour_rates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hourly_rate", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labour_rates")),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "site_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_copies")),
    )
    op.create_index(op.f("ix_site_copies_org_path"), "site_copies", ["org_path"], unique=False)
    op.create_table(
        "bill_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("net", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("tax", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("customer_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("maker_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.id"], name=op.f("fk_bill_lines_bill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_lines")),
        sa.UniqueConstraint("bill_id", "position", name=op.f("uq_bill_lines_bill_id_position")),
    )
    op.create_index(op.f("ix_bill_lines_org_path"), "bill_lines", ["org_path"], unique=False)
    op.create_table(
        "ledger_postings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("entry_count", sa.Integer(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_by", sa.Text(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("entry_count >= 2", name=op.f("ck_ledger_postings_entry_count")),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.id"], name=op.f("fk_ledger_postings_bill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_postings")),
        sa.UniqueConstraint("id", "org_path", name=op.f("uq_ledger_postings_id_org_path")),
        sa.UniqueConstraint("source", "source_id", name=op.f("uq_ledger_postings_source_source_id")),
    )
    op.create_index(op.f("ix_ledger_postings_bill_id"), "ledger_postings", ["bill_id"], unique=False)
    op.create_index(op.f("ix_ledger_postings_org_path"), "ledger_postings", ["org_path"], unique=False)
    op.create_index(op.f("ix_ledger_postings_posted_at"), "ledger_postings", ["posted_at"], unique=False)
    op.create_index(
        op.f("ix_ledger_postings_work_order_id"), "ledger_postings", ["work_order_id"], unique=False
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payments_amount")),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.id"], name=op.f("fk_payments_bill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("number"),
    )
    op.create_index(op.f("ix_payments_bill_id"), "payments", ["bill_id"], unique=False)
    op.create_index(op.f("ix_payments_created_at_id"), "payments", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_payments_org_path"), "payments", ["org_path"], unique=False)
    op.create_index(op.f("ix_payments_received_on_id"), "payments", ["received_on", "id"], unique=False)
    op.create_index(op.f("ix_payments_work_order_id"), "payments", ["work_order_id"], unique=False)
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(32), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entries_amount")),
        sa.ForeignKeyConstraint(["account"], ["accounts.code"], name=op.f("fk_ledger_entries_account")),
        sa.ForeignKeyConstraint(
            ["posting_id", "org_path"],
            ["ledger_postings.id", "ledger_postings.org_path"],
            name=op.f("fk_ledger_entries_posting_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("posting_id", "position", name=op.f("uq_ledger_entries_posting_id_position")),
    )
    op.create_index(op.f("ix_ledger_entries_account"), "ledger_entries", ["account"], unique=False)
    op.create_index(op.f("ix_ledger_entries_org_path"), "ledger_entries", ["org_path"], unique=False)
    scope_table(op, "bills")
    scope_table(op, "site_copies")
    scope_table(op, "bill_lines")
    scope_table(op, "ledger_postings")
    scope_table(op, "payments")
    scope_table(op, "ledger_entries")
    op.execute(BALANCED)
    for table in ("ledger_postings", "ledger_entries"):
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {table}_balanced AFTER INSERT OR UPDATE ON {table} "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balanced()"
        )
    op.execute(COVERED)
    for table, when in (
        ("bills", "INSERT OR UPDATE OF open_amount, customer_total ON bills"),
        ("payments", "INSERT ON payments"),
        ("ledger_entries", "INSERT ON ledger_entries"),
    ):
        only = "WHEN (NEW.account = 'receivable_customers')" if table == "ledger_entries" else ""
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {table}_covered AFTER {when} DEFERRABLE INITIALLY DEFERRED "
            f"FOR EACH ROW {only} EXECUTE FUNCTION bill_covered()"
        )
    append_only(op, "bill_lines", "payments", "ledger_postings", "ledger_entries", "accounts")
    if role := app_role(op.get_bind()):  # what was billed is not rewritten; what is open follows from payments
        op.execute(f'REVOKE UPDATE, DELETE ON bills FROM "{role}"')
        op.execute(f'GRANT UPDATE (state, open_amount, version, updated_at, updated_by) ON bills TO "{role}"')
    accounts = sa.table(
        "accounts", *(sa.column(name) for name in ("code", "number", "nature", "name_zh", "name_en"))
    )
    op.bulk_insert(
        accounts,
        [dict(zip(("code", "number", "nature", "name_zh", "name_en"), row, strict=True)) for row in ACCOUNTS],
    )
