"""Which sessions' screens are locked (G-03), and which session one began in that acts for a unit."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import indexes

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sessions", sa.Column("own_session_id", sa.Uuid(), nullable=True))
    indexes(op, {"ix_sessions_own_session_id": "sessions (own_session_id)", "ix_sessions_locked": "sessions (used_at) WHERE locked_at IS NOT NULL"})
