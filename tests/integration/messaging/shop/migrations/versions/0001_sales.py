import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    chassis_tables(op)
    op.create_table(
        "shop_sales",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("amount", sa.Numeric(18, 2), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        *[
            sa.Column(f"{verb}_{what}", kind, nullable=False)
            for verb in ("created", "updated")
            for what, kind in (("at", sa.DateTime(timezone=True)), ("by", sa.Text()))
        ],
    )
