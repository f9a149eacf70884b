"""Bills taken back (G-21, R-10): reversals, the customer's credit, what it paid, what was paid back."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import app_role, append_only, scope_table

revision = "0003"
down_revision = "0002"

MONEY = sa.Numeric(precision=14, scale=2)

# What a bill says is open follows from its payments and the credit used for it; the ledger says the same.
COVERED = """
CREATE OR REPLACE FUNCTION bill_covered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    bill uuid := CASE TG_TABLE_NAME WHEN 'bills' THEN (to_jsonb(NEW) ->> 'id')::uuid
                                    WHEN 'ledger_entries' THEN NULL
                                    ELSE (to_jsonb(NEW) ->> 'bill_id')::uuid END;
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
    SELECT due - coalesce(sum(amount), 0) INTO due FROM credit_allocations WHERE bill_id = bill;
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

# A reversed bill has its document, a document its reversed bill, and both the same amounts.
REVERSED = """
CREATE FUNCTION bill_reversed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    bill uuid := CASE TG_TABLE_NAME WHEN 'bills' THEN (to_jsonb(NEW) ->> 'id')::uuid
                                    ELSE (to_jsonb(NEW) ->> 'bill_id')::uuid END;
    agree boolean;
    scope text := coalesce(current_setting('app.scope', true), '');
BEGIN
    PERFORM set_config('app.scope', '/', true);
    SELECT (b.state = 'reversed') = (r.id IS NOT NULL)
        AND (r.id IS NULL OR (r.credited, r.maker_total) = (b.customer_total, b.maker_total)) INTO agree
    FROM bills b LEFT JOIN bill_reversals r ON r.bill_id = b.id WHERE b.id = bill;
    PERFORM set_config('app.scope', scope, true);
    IF NOT agree THEN
        RAISE EXCEPTION 'bill % and its reversal do not agree', bill
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_bills_reversed', TABLE = 'bills';
    END IF;
    RETURN NULL;
END $$
"""

# A credit is what reversals gave less what bills and refunds took, and the ledger says the same.
CREDITED = """
CREATE FUNCTION credit_covered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    work_order uuid := (to_jsonb(NEW) ->> 'work_order_id')::uuid;
    said numeric;
    due numeric;
    posted numeric;
    scope text := coalesce(current_setting('app.scope', true), '');
BEGIN
    PERFORM set_config('app.scope', '/', true);
    IF work_order IS NULL THEN
        SELECT work_order_id INTO work_order FROM ledger_postings WHERE id = (to_jsonb(NEW) ->> 'posting_id')::uuid;
    END IF;
    SELECT coalesce(sum(balance), 0) INTO said FROM credits WHERE work_order_id = work_order;
    SELECT coalesce(sum(credited), 0) INTO due FROM bill_reversals WHERE work_order_id = work_order;
    SELECT due - coalesce(sum(amount), 0) INTO due FROM credit_allocations WHERE work_order_id = work_order;
    SELECT due - coalesce(sum(amount), 0) INTO due FROM refunds WHERE work_order_id = work_order;
    SELECT -coalesce(sum(e.amount), 0) INTO posted FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id
    WHERE p.work_order_id = work_order AND e.account = 'customer_credits';
    PERFORM set_config('app.scope', scope, true);
    IF said <> due OR said <> posted THEN
        RAISE EXCEPTION 'credit of % is %, % by its documents, % in the ledger', work_order, said, due, posted
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_credits_covered', TABLE = 'credits';
    END IF;
    RETURN NULL;
END $$
"""

CHECKED = (
    ("credit_allocations", "covered", "INSERT ON credit_allocations", "bill_covered"),
    ("bills", "reversed", "INSERT OR UPDATE OF state ON bills", "bill_reversed"),
    ("bill_reversals", "reversed", "INSERT ON bill_reversals", "bill_reversed"),
    ("credits", "credited", "INSERT OR UPDATE OF balance ON credits", "credit_covered"),
    ("bill_reversals", "credited", "INSERT ON bill_reversals", "credit_covered"),
    ("credit_allocations", "credited", "INSERT ON credit_allocations", "credit_covered"),
    ("refunds", "credited", "INSERT ON refunds", "credit_covered"),
    ("ledger_entries", "credited", "INSERT ON ledger_entries", "credit_covered"),
)


def upgrade() -> None:
    op.create_table(
        "bill_reversals",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("reversed_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("credited", MONEY, nullable=False),
        sa.Column("maker_total", MONEY, nullable=False),
        *stamps(),
        sa.CheckConstraint("credited >= 0 AND maker_total >= 0", name=op.f("ck_bill_reversals_amounts")),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.id"], name=op.f("fk_bill_reversals_bill_id")),
        sa.UniqueConstraint("bill_id"),
        sa.UniqueConstraint("number"),
    )
    op.create_table(
        "credits",
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_number", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("balance", MONEY, nullable=False),
        *stamps(),
        sa.CheckConstraint("balance >= 0", name=op.f("ck_credits_balance")),
        sa.UniqueConstraint("work_order_id"),
    )
    op.create_table(
        "credit_allocations",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_credit_allocations_amount")),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.id"], name=op.f("fk_credit_allocations_bill_id")),
        sa.UniqueConstraint("bill_id"),
    )
    op.create_table(
        "refunds",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("credit_id", sa.Uuid(), nullable=False),
        sa.Column("bill_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        *stamps(),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(["credit_id"], ["credits.id"], name=op.f("fk_refunds_credit_id")),
        sa.ForeignKeyConstraint(["bill_id"], ["bills.id"], name=op.f("fk_refunds_bill_id")),
        sa.UniqueConstraint("number"),
    )
    for table, columns in (
        ("bill_reversals", ("created_at", "id")),
        ("bill_reversals", ("work_order_id",)),
        ("credits", ("created_at", "id")),
        ("credits", ("site_id",)),
        ("credits", ("customer_id",)),
        ("credit_allocations", ("work_order_id",)),
        ("refunds", ("created_at", "id")),
        ("refunds", ("credit_id",)),
        ("refunds", ("work_order_id",)),
        *((table, ("org_path",)) for table in ("bill_reversals", "credits", "credit_allocations", "refunds")),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))
    for table in ("bill_reversals", "credits", "credit_allocations", "refunds"):
        scope_table(op, table)
    op.drop_constraint(op.f("ck_bills_settled"), "bills")
    op.create_check_constraint(op.f("ck_bills_settled"), "bills", "(state = 'open') = (open_amount > 0)")
    for function in (COVERED, REVERSED, CREDITED):
        op.execute(function)
    for table, name, when, function in CHECKED:
        only = "WHEN (NEW.account = 'customer_credits')" if table == "ledger_entries" else ""
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {table}_{name} AFTER {when} DEFERRABLE INITIALLY DEFERRED "
            f"FOR EACH ROW {only} EXECUTE FUNCTION {function}()"
        )
    append_only(op, "bill_reversals", "credit_allocations", "refunds")
    if role := app_role(op.get_bind()):  # whose credit it is stays; how much is left follows from documents
        op.execute(f'REVOKE UPDATE, DELETE ON credits FROM "{role}"')
        op.execute(f'GRANT UPDATE (balance, version, updated_at, updated_by) ON credits TO "{role}"')
    op.execute(
        "INSERT INTO accounts (code, number, nature, name_zh, name_en) VALUES "
        "('customer_credits', '2203.01', 'liability', '预收账款—客户', 'Credit of customers')"
    )


def stamps() -> list[sa.Column]:
    """What every scoped document has."""
    return [
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(f"{what}_at", sa.DateTime(timezone=True), nullable=False) for what in ("created", "updated")),
        *(sa.Column(f"{what}_by", sa.Text(), nullable=False) for what in ("created", "updated")),
    ]
