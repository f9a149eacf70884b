"""Messages that everybody has had for long are forgotten."""

from alembic import op

from chassis.db.pruning import pruning

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    pruning(op)
