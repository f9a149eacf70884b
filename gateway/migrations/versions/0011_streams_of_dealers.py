"""Live messages know through which dealer an order came (G-10)."""

import sqlalchemy as sa
from alembic import op

from chassis.db.outside import widen

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("stream_events", sa.Column("dealer_id", sa.Uuid(), nullable=True))
    widen(op, "stream_events", "customer_id", "dealer_id")
