"""Orders that were un-audited and wait to be billed again (G-21); which units are deleted, where users stand (G-11)."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # The default serves the release before this one, which writes orders without knowing the column.
    op.add_column("work_orders", sa.Column("reopened", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("org_unit_copies", sa.Column("deleted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("user_copies", sa.Column("home_path", sa.Text(), nullable=True))
