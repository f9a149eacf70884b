"""Outside accounts (G-10): a customer's sees its bills and their lines, a dealer's or supplier's nothing."""

from alembic import op

from chassis.db.outside import answers, follows, own

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    answers(op)
    own(op, "bills", "customer_id")
    follows(op, "bill_lines", "bills", "bill_id")
