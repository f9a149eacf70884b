"""An index for every way in which lists are sorted and filtered: a page costs the same among a million."""

from alembic import op

from chassis.db.migrate import indexes

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    bills = ("state", "customer_total", "maker_total", "open_amount")
    indexes(
        op,
        {
            **{f"ix_bills_{name}_id": f"bills ({name}, id)" for name in bills},
            **{f"ix_bills_{name}_created_at_id": f"bills ({name}, created_at, id)" for name in ("state", "site_id", "customer_id")},
            **{f"ix_payments_{name}_id": f"payments ({name}, id)" for name in ("method", "amount")},
            "ix_payments_method_created_at_id": "payments (method, created_at, id)",
            **{f"ix_ledger_entries_{name}_id": f"ledger_entries ({name}, id)" for name in ("account", "amount")},
        },
        dropped=("ix_bills_site_id", "ix_bills_customer_id", "ix_ledger_entries_account"),
    )
