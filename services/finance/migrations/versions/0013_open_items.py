"""Who pays what: shares of lines, parties, open items with allocations in place of credits, accounts as data, balances. The next
revision guards them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import app_role, append_only, scope_table, sum_of, system_scope
from chassis.db.scopes import scope_moves

revision = "0013"
down_revision = "0012"

MONEY, UUID, TEXT = sa.Numeric(precision=14, scale=2), sa.Uuid(), sa.Text()
FORMER = {  # function: triggers that called it
    "ledger_balanced": ("ledger_postings_balanced ON ledger_postings", "ledger_entries_balanced ON ledger_entries"),
    "bill_covered": (
        "bills_covered ON bills", "payments_covered ON payments", "ledger_entries_covered ON ledger_entries",
        "credit_allocations_covered ON credit_allocations",
    ),
    "bill_reversed": ("bills_reversed ON bills", "bill_reversals_reversed ON bill_reversals"),
    "credit_covered": (
        "credits_credited ON credits", "bill_reversals_credited ON bill_reversals", "credit_allocations_credited ON credit_allocations",
        "refunds_credited ON refunds", "ledger_entries_credited ON ledger_entries",
    ),
}  # fmt: skip


def upgrade() -> None:
    system_scope(op)
    sum_of(op)
    for function, triggers in FORMER.items():
        for trigger in triggers:
            op.execute(f"DROP TRIGGER {trigger}")
        op.execute(f"DROP FUNCTION {function}")
    _accounts()
    _parties()
    _lines()
    _items()
    _documents()
    _balances()
    op.execute("DROP TABLE credit_allocations, credits")
    op.execute("DROP INDEX ix_bill_lines_org_path")
    for table in ("bill_lines", "allocations"):  # read by their parent's id; found by their path when a unit moves
        op.create_index(f"ix_{table}_moves", table, ["org_path"], postgresql_ops={"org_path": "text_pattern_ops"})
    scope_moves(op)
    _rights()


def _accounts() -> None:
    """Rows of a document like any other; what documents post to is the release's (services/finance/ledger/chart.py)."""
    op.execute("ALTER TABLE ledger_entries DROP CONSTRAINT fk_ledger_entries_account")
    op.execute("ALTER TABLE accounts DROP CONSTRAINT pk_accounts, DROP CONSTRAINT uq_accounts_number")
    op.add_column("accounts", sa.Column("id", UUID, nullable=False, server_default=sa.text("gen_random_uuid()"), primary_key=True))
    for name, kind, value in (
        ("code_key", sa.Text(collation="C"), "code"), ("number_key", sa.Text(collation="C"), "number"), ("method", TEXT, "NULL"), ("payer", TEXT, "NULL"), ("control", sa.Boolean(), "false"), ("system", sa.Boolean(), "true"),
        ("active", sa.Boolean(), "true"), ("version", sa.Integer(), "1"),
        *((f"{what}_at", sa.DateTime(timezone=True), "now()") for what in ("created", "updated")),
        *((f"{what}_by", TEXT, "'system:finance'") for what in ("created", "updated")),
    ):  # fmt: skip
        op.add_column("accounts", sa.Column(name, kind, nullable=True))
        op.execute(f"UPDATE accounts SET {name} = {value}")
        if name not in ("method", "payer"):
            op.alter_column("accounts", name, nullable=False)
    op.execute(
        "UPDATE accounts SET control = code LIKE 'receivable%' OR code = 'customer_credits', method = CASE code WHEN 'cash' THEN 'cash' "
        "WHEN 'bank' THEN 'bank' WHEN 'card_clearing' THEN 'card' WHEN 'online_clearing' THEN 'online' END, payer = CASE code "
        "WHEN 'receivable_customers' THEN 'customer' WHEN 'receivable_makers' THEN 'maker' END"
    )
    op.alter_column("accounts", "id", server_default=None)
    op.alter_column("accounts", "code", type_=TEXT)
    op.alter_column("ledger_entries", "account", type_=TEXT)
    op.create_primary_key(op.f("pk_accounts"), "accounts", ["id"])
    for name in ("code", "code_key", "number_key", "payer"):
        op.create_unique_constraint(op.f(f"uq_accounts_{name}"), "accounts", [name])
    op.create_foreign_key(op.f("fk_ledger_entries_account"), "ledger_entries", "accounts", ["account"], ["code"])


def _parties() -> None:
    op.create_table(
        "counterparties",
        sa.Column("id", UUID, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("code", "name")),
        *(sa.Column(name, sa.Text(collation="C"), nullable=False) for name in ("code_key", "name_words")),
        sa.Column("term_days", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        *_stamps(),
        sa.CheckConstraint("term_days BETWEEN 0 AND 3650", name=op.f("ck_counterparties_term_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counterparties")),
        sa.UniqueConstraint("code_key", name=op.f("uq_counterparties_code_key")),
    )
    for columns in (("code",), ("name",), ("name_words",), ("created_at", "id")):
        op.create_index(op.f(f"ix_counterparties_{'_'.join(columns)}"), "counterparties", list(columns))
    op.create_table("parties", sa.Column("id", UUID, nullable=False), sa.Column("kind", TEXT, nullable=False), sa.PrimaryKeyConstraint("id", name=op.f("pk_parties")))
    op.execute("INSERT INTO parties (id, kind) SELECT DISTINCT customer_id, 'customer' FROM bills WHERE customer_id IS NOT NULL")


def _lines() -> None:
    """Until now one payer had the whole of a line, and the customer was the bill's."""
    for name, kind in (("steps", postgresql.JSONB()), ("tax_rate", sa.Numeric()), ("shares", postgresql.JSONB())):
        op.add_column("bill_lines", sa.Column(name, kind, nullable=True))
    op.execute("""UPDATE bill_lines l SET steps = jsonb_build_array(jsonb_build_object('rule', 'list_price', 'amount', l.net::text)),
        shares = jsonb_build_array(jsonb_build_object('payer', CASE WHEN l.maker_amount > 0 THEN 'maker' ELSE 'customer' END,
            'party_id', CASE WHEN l.maker_amount > 0 THEN NULL ELSE b.customer_id END, 'net', l.net::text, 'tax', l.tax::text,
            'amount', l.total::text, 'rule', 'coverage'))
        FROM bills b WHERE b.id = l.bill_id""")
    for name in ("steps", "shares"):
        op.alter_column("bill_lines", name, nullable=False)
    op.create_check_constraint(op.f("ck_bill_lines_steps"), "bill_lines", "sum_of(steps, 'amount') = net")
    whole = " AND ".join(f"sum_of(shares, '{name}') = {of}" for name, of in (("net", "net"), ("tax", "tax"), ("amount", "total")))
    op.create_check_constraint(op.f("ck_bill_lines_shares"), "bill_lines", whole)
    for name in ("customer_amount", "maker_amount"):
        op.drop_column("bill_lines", name)
    op.add_column("bills", sa.Column("audited", sa.Boolean(), nullable=False, server_default="false"))
    op.alter_column("bills", "audited", server_default=None)


def _items() -> None:
    op.create_table(
        "open_items",
        sa.Column("id", UUID, nullable=False),
        sa.Column("side", sa.String(32), nullable=False),
        sa.Column("payer", TEXT, nullable=False),
        sa.Column("party_id", UUID, nullable=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("account", "document_type")),
        sa.Column("document_id", UUID, nullable=False),
        sa.Column("reference", TEXT, nullable=False),
        sa.Column("work_order_id", UUID, nullable=True),
        sa.Column("work_order_number", TEXT, nullable=True),
        sa.Column("site_id", UUID, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        *(sa.Column(name, sa.Date(), nullable=False) for name in ("issued_on", "due_on")),
        *(sa.Column(name, MONEY, nullable=False) for name in ("amount", "open_amount")),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        *_stamps(),
        sa.CheckConstraint("amount > 0 AND open_amount BETWEEN 0 AND amount", name=op.f("ck_open_items_open_amount")),
        sa.ForeignKeyConstraint(["party_id"], ["parties.id"], name=op.f("fk_open_items_party_id")),
        sa.ForeignKeyConstraint(["account"], ["accounts.code"], name=op.f("fk_open_items_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open_items")),
    )
    op.create_table(
        "allocations",
        sa.Column("id", UUID, nullable=False),
        sa.Column("open_item_id", UUID, nullable=False),
        sa.Column("document_type", TEXT, nullable=False),
        sa.Column("document_id", UUID, nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("reverses_id", UUID, nullable=True),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("(amount > 0) = (reverses_id IS NULL) AND amount <> 0", name=op.f("ck_allocations_amount")),
        sa.ForeignKeyConstraint(["open_item_id"], ["open_items.id"], name=op.f("fk_allocations_open_item_id")),
        sa.ForeignKeyConstraint(["reverses_id"], ["allocations.id"], name=op.f("fk_allocations_reverses_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocations")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_allocations_reverses_id")),
    )
    op.execute("INSERT INTO accounts (id, code, code_key, number, number_key, nature, name_zh, name_en, control, system, active, version, created_at, created_by, "
               "updated_at, updated_by) SELECT gen_random_uuid(), code, code, number, number, 'liability', zh, en, true, true, true, 1, now(), 'system:finance', "
               "now(), 'system:finance' FROM (VALUES ('party_credits', '2203.02', '预收账款—往来单位', 'Credit of counterparties')) a (code, number, zh, en)")  # fmt: skip
    op.execute(ITEMS_OF_BILLS)
    op.execute(ITEMS_OF_REVERSALS)
    op.execute(SETTLED)
    op.execute(USED)
    op.execute("UPDATE open_items i SET open_amount = amount - coalesce((SELECT sum(amount) FROM allocations WHERE open_item_id = i.id), 0)")
    indexes = {
        "open_items": ["created_at, id", "due_on, id", "open_amount, id", "work_order_id, id", "party_id, created_at, id", "site_id, created_at, id", "org_path"],
        "allocations": ["open_item_id, on", "document_id, document_type"],
    }
    for table, places in indexes.items():
        for place in places:
            columns = place.split(", ")
            op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)
    op.create_index("ix_open_items_open", "open_items", ["side", "payer", "created_at", "id"], postgresql_where=sa.text("open_amount > 0"))
    op.create_index(
        op.f("ix_open_items_document_id_document_type_side_payer_party_id"), "open_items", ["document_id", "document_type", "side", "payer", "party_id"],
        unique=True, postgresql_nulls_not_distinct=True,
    )  # fmt: skip
    scope_table(op, "open_items")
    scope_table(op, "allocations")


ITEM = """INSERT INTO open_items (id, side, payer, party_id, account, document_type, document_id, reference, work_order_id, work_order_number, site_id,
    currency, issued_on, due_on, amount, open_amount, org_path, version, created_at, created_by, updated_at, updated_by) """
ITEMS_OF_BILLS = f"""{ITEM}
    SELECT gen_random_uuid(), 'receivable', who.payer, CASE who.payer WHEN 'customer' THEN b.customer_id END, 'receivable_' || who.payer || 's', 'bill', b.id,
        b.number, b.work_order_id, b.work_order_number, b.site_id, b.currency, b.issued_on, b.issued_on, who.amount, who.amount, b.org_path,
        1, b.created_at, b.created_by, b.updated_at, b.updated_by
    FROM bills b CROSS JOIN LATERAL (VALUES ('customer', b.customer_total), ('maker', b.maker_total)) who (payer, amount) WHERE who.amount > 0
"""
# The first credit of an order keeps its id, by which it was known; who had two gets one for each reversal.
ITEMS_OF_REVERSALS = f"""{ITEM}
    SELECT CASE row_number() OVER (PARTITION BY r.work_order_id ORDER BY r.created_at, r.id) WHEN 1 THEN c.id ELSE gen_random_uuid() END,
        'payable', 'customer', c.customer_id, 'customer_credits', 'reversal', r.id, r.number, r.work_order_id, c.work_order_number, c.site_id, c.currency,
        r.reversed_on, r.reversed_on, r.credited, r.credited, r.org_path, c.version, c.created_at, c.created_by, c.updated_at, c.updated_by
    FROM bill_reversals r JOIN credits c ON c.work_order_id = r.work_order_id WHERE r.credited > 0
"""
SETTLED = """INSERT INTO allocations (id, open_item_id, document_type, document_id, "on", amount, org_path)
    SELECT gen_random_uuid(), i.id, 'payment', p.id, p.received_on, p.amount, p.org_path FROM payments p
        JOIN open_items i ON i.document_id = p.bill_id AND i.payer = 'customer' AND i.side = 'receivable'
    UNION ALL SELECT gen_random_uuid(), i.id, 'credit', a.bill_id, i.issued_on, a.amount, a.org_path FROM credit_allocations a
        JOIN open_items i ON i.document_id = a.bill_id AND i.payer = 'customer' AND i.side = 'receivable'
    UNION ALL SELECT gen_random_uuid(), i.id, 'reversal', r.id, r.reversed_on, i.amount, r.org_path FROM bill_reversals r
        JOIN open_items i ON i.document_id = r.bill_id AND i.payer = 'maker' AND i.side = 'receivable'
"""
# What of an order's credit bills and refunds took, one after the other, from the oldest credit on: two rows of lengths laid side by side.
USED = """INSERT INTO allocations (id, open_item_id, document_type, document_id, "on", amount, org_path)
    WITH taken AS (
        SELECT *, sum(amount) OVER (PARTITION BY work_order_id ORDER BY at, document_id) AS upto FROM (
            SELECT a.work_order_id, 'credit' AS document_type, a.bill_id AS document_id, b.issued_on AS "on", b.created_at AS at, a.amount, a.org_path
            FROM credit_allocations a JOIN bills b ON b.id = a.bill_id
            UNION ALL SELECT work_order_id, 'refund', id, paid_on, created_at, amount, org_path FROM refunds) t
    ), given AS (
        SELECT i.*, sum(amount) OVER (PARTITION BY work_order_id ORDER BY r.at, i.id) AS upto
        FROM open_items i JOIN (SELECT id, created_at AS at FROM bill_reversals) r ON r.id = i.document_id WHERE i.side = 'payable'
    )
    SELECT gen_random_uuid(), g.id, t.document_type, t.document_id, t."on",
        least(g.upto, t.upto) - greatest(g.upto - g.amount, t.upto - t.amount), t.org_path
    FROM taken t JOIN given g ON g.work_order_id = t.work_order_id AND least(g.upto, t.upto) > greatest(g.upto - g.amount, t.upto - t.amount)
"""


def _documents() -> None:
    """Postings of any document, at a site; entries of a party; payments of any payer, into any account."""
    op.alter_column("ledger_postings", "source", type_=TEXT)
    for name in ("bill_id", "work_order_id"):
        op.alter_column("ledger_postings", name, nullable=True)
    op.add_column("ledger_postings", sa.Column("site_id", UUID, nullable=True))
    op.execute("UPDATE ledger_postings p SET site_id = b.site_id FROM bills b WHERE b.id = p.bill_id")
    op.alter_column("ledger_postings", "site_id", nullable=False)
    op.add_column("ledger_entries", sa.Column("party_id", UUID, nullable=True))
    op.create_foreign_key(op.f("fk_ledger_entries_party_id"), "ledger_entries", "parties", ["party_id"], ["id"])
    op.execute("""UPDATE ledger_entries e SET party_id = b.customer_id FROM ledger_postings p JOIN bills b ON b.id = p.bill_id
        WHERE p.id = e.posting_id AND e.account IN ('receivable_customers', 'customer_credits') AND b.customer_id IS NOT NULL""")
    op.create_index(op.f("ix_ledger_entries_party_id_id"), "ledger_entries", ["party_id", "id"])
    account = "(CASE method WHEN 'card' THEN 'card_clearing' WHEN 'online' THEN 'online_clearing' ELSE method END)"
    for table in ("payments", "refunds"):
        op.add_column(table, sa.Column("site_id", UUID, nullable=True))
        op.add_column(table, sa.Column("account_code", TEXT, nullable=True))
        op.execute(f"UPDATE {table} d SET site_id = b.site_id, account_code = {account} FROM bills b WHERE b.id = d.bill_id")
        for name in ("site_id", "account_code"):
            op.alter_column(table, name, nullable=False)
        op.create_foreign_key(op.f(f"fk_{table}_account_code"), table, "accounts", ["account_code"], ["code"])
        op.alter_column(table, "method", type_=TEXT)
    op.drop_constraint(op.f("fk_refunds_credit_id"), "refunds")
    op.execute("UPDATE refunds r SET credit_id = (SELECT open_item_id FROM allocations WHERE document_id = r.id ORDER BY amount DESC LIMIT 1)")
    op.create_foreign_key(op.f("fk_refunds_credit_id"), "refunds", "open_items", ["credit_id"], ["id"])
    for name, kind in (("payer", TEXT), ("party_id", UUID), ("reverses_id", UUID), ("reversed_by_id", UUID), ("reason", TEXT)):
        op.add_column("payments", sa.Column(name, kind, nullable=True))
    op.execute("UPDATE payments p SET payer = 'customer', party_id = b.customer_id FROM bills b WHERE b.id = p.bill_id")
    op.alter_column("payments", "payer", nullable=False)
    for name in ("bill_id", "work_order_id"):
        op.alter_column("payments", name, nullable=True)
    op.create_foreign_key(op.f("fk_payments_reverses_id"), "payments", "payments", ["reverses_id"], ["id"])
    op.create_unique_constraint(op.f("uq_payments_reverses_id"), "payments", ["reverses_id"])
    op.drop_constraint(op.f("ck_payments_amount"), "payments")
    op.create_check_constraint(op.f("ck_payments_amount"), "payments", "(amount > 0) = (reverses_id IS NULL) AND amount <> 0")
    op.create_check_constraint(op.f("ck_payments_reason"), "payments", "(reason IS NULL) = (reverses_id IS NULL)")
    op.create_index(op.f("ix_payments_party_id_created_at_id"), "payments", ["party_id", "created_at", "id"])


def _balances() -> None:
    scoped = (sa.Column("amount", MONEY, nullable=False), sa.Column("org_path", sa.Text(collation="C"), nullable=False))
    op.create_table(
        "account_balances",
        sa.Column("account", TEXT, nullable=False),
        sa.Column("site_id", UUID, nullable=False),
        *scoped,
        sa.ForeignKeyConstraint(["account"], ["accounts.code"], name=op.f("fk_account_balances_account")),
        sa.PrimaryKeyConstraint("account", "site_id", name=op.f("pk_account_balances")),
    )
    op.create_table(
        "party_balances",
        sa.Column("party_id", UUID, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("site_id", UUID, nullable=False),
        *(sa.Column(column.name, column.type, nullable=False) for column in scoped),
        sa.ForeignKeyConstraint(["account"], ["accounts.code"], name=op.f("fk_party_balances_account")),
        sa.ForeignKeyConstraint(["party_id"], ["parties.id"], name=op.f("fk_party_balances_party_id")),
        sa.PrimaryKeyConstraint("party_id", "account", "site_id", name=op.f("pk_party_balances")),
    )
    op.execute("""INSERT INTO account_balances (account, site_id, org_path, amount) SELECT e.account, p.site_id, min(e.org_path), sum(e.amount)
        FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id GROUP BY 1, 2""")
    op.execute("""INSERT INTO party_balances (party_id, account, site_id, org_path, amount)
        SELECT e.party_id, e.account, p.site_id, min(e.org_path), sum(e.amount)
        FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id WHERE e.party_id IS NOT NULL GROUP BY 1, 2, 3""")
    for table in ("account_balances", "party_balances"):
        op.create_index(op.f(f"ix_{table}_org_path"), table, ["org_path"])
        scope_table(op, table)


def _rights() -> None:
    append_only(op, "allocations")
    if role := app_role(op.get_bind()):
        op.execute(f'REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON account_balances, party_balances FROM "{role}"')
        op.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON open_items, parties, counterparties FROM "{role}"')
        op.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON accounts FROM "{role}"')
        stamps = "version, updated_at, updated_by"
        for table, columns in (
            ("open_items", "open_amount"), ("bills", "state, open_amount, audited"), ("payments", "reversed_by_id"),
            ("counterparties", "name, name_words, term_days, active"), ("accounts", "name_zh, name_en, active"),
        ):  # fmt: skip
            op.execute(f'GRANT UPDATE ({columns}, {stamps}) ON {table} TO "{role}"')
        op.execute(f'GRANT DELETE ON accounts TO "{role}"')


def _stamps() -> list[sa.Column]:
    return [
        sa.Column("version", sa.Integer(), nullable=False),
        *(sa.Column(f"{what}_at", sa.DateTime(timezone=True), nullable=False) for what in ("created", "updated")),
        *(sa.Column(f"{what}_by", TEXT, nullable=False) for what in ("created", "updated")),
    ]
