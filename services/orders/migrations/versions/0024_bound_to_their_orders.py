"""What hangs on an order is bound to it with its path (chassis/db/custody.py)."""

from alembic import op

from chassis.db.custody import bind

revision = "0024"
down_revision = "0023"

CHILDREN = (
    "diagnoses", "quotes", "quote_lines", "part_returns", "checks", "hand_overs", "appointments", "timeline_entries", "requisition_copies",
    "bill_copies", "revisit_copies", "reveals",
)  # fmt: skip


def upgrade() -> None:
    for table in ("diagnoses", "quotes", "part_returns", "checks", "hand_overs"):
        op.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "fk_{table}_work_order_id"')
    bind(op, "work_orders", [(table, "work_order_id") for table in CHILDREN])
