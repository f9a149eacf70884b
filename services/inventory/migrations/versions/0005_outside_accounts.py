"""Outside accounts (G-10) have no business here: their role may do nothing, nor read answers that are not theirs."""

from alembic import op

from chassis.db.outside import answers

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    answers(op)
