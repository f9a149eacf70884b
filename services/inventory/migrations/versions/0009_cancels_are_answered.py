"""What a requisition last announced says whether its order is cancelled."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("UPDATE requisitions SET told = told || '{\"cancelled\": false}' WHERE told IS NOT NULL")
