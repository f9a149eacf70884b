import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    chassis_tables(op)
    op.create_table(
        "mill_sale_copies",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("amount", sa.Numeric(18, 2), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "mill_effects",  # one row per effect: no key, so that a second effect would show
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp()),
    )
    op.create_table("mill_switches", sa.Column("name", sa.Text(), primary_key=True))
    op.create_table("mill_ticks", sa.Column("pid", sa.Integer(), nullable=False))
