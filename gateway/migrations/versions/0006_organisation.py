"""Departments and teams, who leads a unit, roles of a unit's people, deleted units (G-09, G-11)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("org_units", sa.Column("leader_id", sa.Uuid(), nullable=True))
    op.add_column("org_units", sa.Column("deputy_id", sa.Uuid(), nullable=True))
    op.add_column("org_units", sa.Column("duties", sa.Text(), nullable=True))
    roles = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.add_column("org_units", sa.Column("roles", roles, server_default=sa.text("'[]'"), nullable=False))
    op.add_column("org_units", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_org_units_parent_id"), "org_units", ["parent_id"])
    op.create_index(op.f("ix_users_org_unit_id"), "users", ["org_unit_id"])
