"""Outside accounts (G-10) have no business here: their role may do nothing, nor read answers that are not theirs."""

from alembic import op

from chassis.db.outside import answers

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    answers(op)
