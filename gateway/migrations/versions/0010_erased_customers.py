"""Accounts of erased customers are closed (C-04, G-10)."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import append_only

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("parties", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "erased_customers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erased_customers")),
    )
    append_only(op, "erased_customers")
