"""The audit log is searched by what its contract names, and who is in is told, without reading all of it."""

from alembic import op

from chassis.db.migrate import indexes

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    filters = ("username", "operation", "address", "status")
    indexes(
        op,
        {
            **{f"ix_audit_entries_{name}_at_id": f"audit_entries ({name}, at, id)" for name in filters},
            "ix_audit_entries_path_at": "audit_entries (path, at)",
            "ix_audit_entries_trace_id": "audit_entries (trace_id)",
            "ix_audit_entries_acting_for_at": "audit_entries (acting_for, at) WHERE acting_for IS NOT NULL",
            "ix_sessions_open": "sessions (used_at, user_id) WHERE ended_at IS NULL",
        },
        dropped=("ix_audit_entries_username_at",),
    )
