"""Lines of quotes keep how their price came about and who pays which share of it; counterparties that may pay are known."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import sum_of, system_scope

revision = "0020"
down_revision = "0019"

JSON = postgresql.JSONB()
# Until now one payer had the whole of a line.
SHARED = """
UPDATE quote_lines l SET tax_rate = q.tax_rate,
    steps = jsonb_build_array(jsonb_build_object('rule', 'list_price', 'amount', l.net::text)),
    shares = jsonb_build_array(jsonb_build_object('payer', CASE WHEN l.maker_amount > 0 THEN 'maker' ELSE 'customer' END, 'party_id', NULL,
        'net', l.net::text, 'tax', l.tax::text, 'amount', (l.net + l.tax)::text, 'rule', 'coverage'))
FROM quotes q WHERE q.work_order_id = l.work_order_id AND q.version = l.version
"""


def upgrade() -> None:
    system_scope(op)
    sum_of(op)
    op.create_table(
        "counterparty_copies",
        sa.Column("id", sa.Uuid(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "code", "name")),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
    )
    op.add_column("quotes", sa.Column("terms", JSON, nullable=False, server_default="[]"))
    op.alter_column("quotes", "terms", server_default=None)
    for name, kind in (("tax_rate", sa.Numeric()), ("steps", JSON), ("shares", JSON)):
        op.add_column("quote_lines", sa.Column(name, kind, nullable=True))
    op.execute(SHARED)
    for name in ("tax_rate", "steps", "shares"):
        op.alter_column("quote_lines", name, nullable=False)
    op.create_check_constraint(op.f("ck_quote_lines_steps"), "quote_lines", "sum_of(steps, 'amount') = net")
    whole = " AND ".join(f"sum_of(shares, '{name}') = {of}" for name, of in (("net", "net"), ("tax", "tax"), ("amount", "net + tax")))
    op.create_check_constraint(op.f("ck_quote_lines_shares"), "quote_lines", whole)
    for name in ("customer_amount", "maker_amount"):
        op.drop_column("quote_lines", name)
