"""Numbers are drawn by rules that may be set (R-01)."""

from alembic import op

from chassis.db.numbering import Kind, numbering

revision = "0008"
down_revision = "0007"

KINDS = {
    "stock_receipt": Kind("stock_receipts", "GR"),
}


def upgrade() -> None:
    numbering(op, KINDS)
