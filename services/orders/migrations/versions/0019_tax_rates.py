"""Copies of parts and labour rates know the tax rate that these may have of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    for table in ("part_copies", "labour_rate_copies"):
        op.add_column(table, sa.Column("tax_rate", sa.Numeric(5, 4), nullable=True))
