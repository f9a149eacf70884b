"""What a requisition last announced says whether its order is cancelled."""

from alembic import op

from chassis.db.migrate import system_scope

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    system_scope(op)
    op.execute("UPDATE requisitions SET told = told || '{\"cancelled\": false}' WHERE told IS NOT NULL")
