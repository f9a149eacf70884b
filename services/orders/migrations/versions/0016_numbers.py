"""Numbers are drawn by rules that may be set (R-01)."""

from alembic import op

from chassis.db.numbering import Kind, numbering

revision = "0016"
down_revision = "0015"

KINDS = {
    "work_order": Kind("work_orders", "RE"),
}


def upgrade() -> None:
    numbering(op, KINDS, outside=True)
