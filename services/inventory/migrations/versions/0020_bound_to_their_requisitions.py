"""Lines and allocations are bound to their requisition with its path (chassis/db/custody.py)."""

from alembic import op

from chassis.db.custody import bind

revision = "0020"
down_revision = "0019"

CHILDREN = ("requisition_lines", "allocations")


def upgrade() -> None:
    for table in CHILDREN:
        op.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "fk_{table}_requisition_id"')
    bind(op, "requisitions", [(table, "requisition_id") for table in CHILDREN])
