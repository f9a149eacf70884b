"""Labour that was given in minutes is priced by them (F-01)."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("bill_lines", sa.Column("minutes", sa.Integer(), nullable=True))
