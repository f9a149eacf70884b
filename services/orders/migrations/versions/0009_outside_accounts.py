"""Outside accounts (G-10): customers and dealers see and open orders of their own; which dealer an order came through."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import indexes, scope_table
from chassis.db.outside import PARTY, answers, follows, hidden, open_to_all, own, writing

revision = "0009"
down_revision = "0008"

# What the answer to a quote changes of an order; all else stays staff's.
ANSWERED = "quote, approved_version, waiting_for, promised_at, version, updated_at, updated_by"
THROUGH = f"EXISTS (SELECT FROM work_orders w WHERE w.{{}} = {{}}.id AND w.dealer_id = {PARTY})"


def upgrade() -> None:
    op.add_column("work_orders", sa.Column("dealer_id", sa.Uuid(), nullable=True))
    op.create_table(
        "party_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_copies")),
    )
    op.create_index(op.f("ix_party_copies_org_path"), "party_copies", ["org_path"])
    scope_table(op, "party_copies")
    # A site's staff also name the dealers that its branch or headquarters look after.
    op.execute(
        "CREATE POLICY above ON party_copies FOR SELECT"
        " USING (starts_with(nullif(current_setting('app.scope', true), ''), org_path))"
    )
    answers(op)
    writing(op)
    own(op, "work_orders", "customer_id", "dealer_id", rights=f"SELECT, INSERT, UPDATE ({ANSWERED})")
    follows(op, "quotes", "work_orders", "work_order_id")
    follows(op, "timeline_entries", "work_orders", "work_order_id")
    follows(op, "work_order_tokens", "work_orders", "work_order_id", rights="SELECT, INSERT")
    follows(op, "journal", "work_orders", "entity_id", rights="SELECT, INSERT")
    # A device or customer that stands on a dealer's order is known to the dealer.
    own(op, "devices", "customer_id", also=THROUGH.format("device_id", "devices"))
    own(op, "customer_copies", "id", also=THROUGH.format("customer_id", "customer_copies"))
    open_to_all(op, "sites")
    open_to_all(op, "products")
    hidden(op, "technicians")
    indexes(
        op,
        {
            "ix_work_orders_dealer_id": "work_orders (dealer_id, created_at, id)",
            "ix_work_orders_customer_id_created_at": "work_orders (customer_id, created_at, id)",
        },
        dropped=("ix_work_orders_customer_id",),
    )
