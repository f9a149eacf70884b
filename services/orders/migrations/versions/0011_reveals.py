"""Who was shown the number of an order's customer (C-04)."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import append_only, scope_table

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "reveals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reveals")),
    )
    op.create_index(op.f("ix_reveals_org_path"), "reveals", ["org_path"])
    op.create_index(op.f("ix_reveals_work_order_id_created_at"), "reveals", ["work_order_id", "created_at"])
    scope_table(op, "reveals")
    append_only(op, "reveals")
