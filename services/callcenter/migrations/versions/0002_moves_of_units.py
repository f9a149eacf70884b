"""Documents follow their unit when it moves in the organisation tree (G-11)."""

from alembic import op

from chassis.db.scopes import scope_moves

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    scope_moves(op)
