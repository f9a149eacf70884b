"""Who is told that nobody comes for an order (O-85): each once."""

from alembic import op

from chassis.db.migrate import indexes

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute("ALTER TABLE work_orders ADD uncollected_told_at timestamptz")
    indexes(op, {"ix_work_orders_uncollected": "work_orders (ready_at, id) WHERE state = 'ready' AND uncollected_told_at IS NULL"})
