"""``move_scope`` does what a remembered move says, within the caller's scope."""

from alembic import op

from chassis.db.scopes import scope_moves

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    scope_moves(op)
