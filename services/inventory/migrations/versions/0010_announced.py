"""What a requisition last announced is named so."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.alter_column("requisitions", "told", new_column_name="announced")
