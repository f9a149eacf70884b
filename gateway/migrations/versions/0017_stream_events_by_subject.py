"""Events of the stream are looked up by subject alone: an index over their path offered to read all of a site's for one."""

from alembic import op

from chassis.db.scopes import scope_moves

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.drop_index("ix_stream_events_org_path", "stream_events")
    op.create_index("ix_stream_events_moves", "stream_events", ["org_path"], postgresql_ops={"org_path": "text_pattern_ops"})
    scope_moves(op)
