"""Parts that come back name their serial numbers, where they have some."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("part_returns", sa.Column("serial_numbers", postgresql.JSONB(none_as_null=True), nullable=True))
