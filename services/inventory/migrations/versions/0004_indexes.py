"""An index for every way in which lists are sorted and filtered: a page costs the same among a million."""

from alembic import op

from chassis.db.migrate import indexes

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    requisitions, movements = ("created_at", "updated_at", "work_order_number"), ("part_id", "warehouse_id", "kind")
    indexes(
        op,
        {
            **{f"ix_requisitions_{name}_id": f"requisitions ({name}, id)" for name in requisitions},
            **{f"ix_requisitions_{name}_created_at_id": f"requisitions ({name}, created_at, id)" for name in ("site_id", "state")},
            "ix_requisition_lines_short_since": "requisition_lines (short_since, id) WHERE short_since IS NOT NULL",
            "ix_stock_movements_at_id": "stock_movements (at, id)",
            **{f"ix_stock_movements_{name}_at_id": f"stock_movements ({name}, at, id)" for name in movements},
            "ix_stock_receipts_posted_at_id": "stock_receipts (posted_at, id)",
            **{
                f"ix_stock_receipts_{name}_posted_at_id": f"stock_receipts ({name}, posted_at, id)"
                for name in ("warehouse_id", "site_id")
            },
        },
        dropped=(
            "ix_requisitions_work_order_number", "ix_requisitions_site_id", "ix_requisitions_state", "ix_stock_movements_at",
            "ix_stock_movements_warehouse_id", "ix_stock_receipts_warehouse_id", "ix_stock_receipts_site_id",
        ),
    )
