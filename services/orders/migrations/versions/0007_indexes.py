"""Searches for a word that many orders have, and a technician's orders, cost a page and not all of them."""

from alembic import op

from chassis.db.migrate import indexes

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    indexes(
        op,
        {
            "ix_work_order_tokens_order": "work_order_tokens (work_order_id, token)",
            "ix_work_orders_technician_id_created_at": "work_orders (technician_id, created_at, id)",
        },
        dropped=("ix_work_orders_technician_id",),
    )
