"""A prefix of numbers belongs to one kind of document for ever (R-01)."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import append_only, system_scope

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "parameter_claims",
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("value", name=op.f("pk_parameter_claims")),
    )
    append_only(op, "parameter_claims")
    # All services that number documents listen to parameters from now on: what was told before is told again, and who heard it then
    # knows it by its id.
    system_scope(op)
    op.execute("UPDATE outbox SET sent_at = NULL WHERE type = 'aftersales.gateway.parameter.changed.v1'")
