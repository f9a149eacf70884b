"""An index for every way in which lists are sorted and filtered: a page costs the same among a million."""

from alembic import op

from chassis.db.migrate import indexes

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    sorts = ("completed_on", "state", "work_order_number")
    filters = ("state", "site_id", "customer_id")
    indexes(
        op,
        {
            **{f"ix_revisits_{name}_id": f"revisits ({name}, id)" for name in sorts},
            **{f"ix_revisits_{name}_due_on_id": f"revisits ({name}, due_on, id)" for name in filters},
        },
        dropped=("ix_revisits_site_id", "ix_revisits_customer_id"),
    )
