"""The log of partners' calls is searched by what its contract names without reading all of it."""

from alembic import op

from chassis.db.migrate import indexes

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    indexes(
        op,
        {
            **{f"ix_partner_calls_{name}_at_id": f"partner_calls ({name}, at, id)" for name in ("operation", "address")},
            "ix_partner_calls_trace_id": "partner_calls (trace_id)",
        },
    )
