"""``move_scope`` does what a remembered move says, within the caller's scope."""

from alembic import op

from chassis.db.scopes import scope_moves

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    scope_moves(op)
