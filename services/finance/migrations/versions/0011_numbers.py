"""Numbers are drawn by rules that may be set (R-01)."""

from alembic import op

from chassis.db.numbering import Kind, numbering

revision = "0011"
down_revision = "0010"

KINDS = {
    "bill": Kind("bills", "BL"),
    "payment": Kind("payments", "PY"),
    "refund": Kind("refunds", "RF"),
    "reversal": Kind("bill_reversals", "RV"),
}


def upgrade() -> None:
    numbering(op, KINDS)
