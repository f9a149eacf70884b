"""What a row of history said is kept as digests, so that the same id with other content is told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("history_keys", sa.Column("content", postgresql.JSONB(), nullable=True))
