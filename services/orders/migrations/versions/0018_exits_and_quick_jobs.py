"""How an order ends without its repair (O-85), and quick jobs (O-97)."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("ALTER TABLE work_orders ADD unrepaired boolean NOT NULL DEFAULT false, ADD uncollected_reason text")
    op.execute("ALTER TABLE work_orders ALTER unrepaired DROP DEFAULT")
    # What was told before nobody had asked: no order is waiting to be cancelled.
    op.execute("ALTER TABLE requisition_copies ADD cancelled boolean NOT NULL DEFAULT false")
    op.execute("ALTER TABLE requisition_copies ALTER cancelled DROP DEFAULT")
    op.execute("CREATE INDEX ix_work_orders_quick_jobs ON work_orders (registered_at) WHERE kind = 'quick_job' AND state = 'in_repair'")
    op.execute("CREATE INDEX ix_work_orders_kind ON work_orders (kind, created_at, id) WHERE kind <> 'repair'")
