"""Documents follow their unit when it moves in the organisation tree (G-11)."""

from alembic import op

from chassis.db.scopes import scope_moves

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    scope_moves(op)
    # An entry refers to its posting by id and path: both change in one transaction, in whatever order.
    op.execute("ALTER TABLE ledger_entries ALTER CONSTRAINT fk_ledger_entries_posting_id DEFERRABLE")
