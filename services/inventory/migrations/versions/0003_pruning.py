"""Messages that everybody has had for long are forgotten."""

from alembic import op

from chassis.db.pruning import pruning

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    pruning(op)
