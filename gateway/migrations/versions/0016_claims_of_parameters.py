"""A prefix of numbers belongs to one kind of document for ever (R-01)."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import append_only

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
