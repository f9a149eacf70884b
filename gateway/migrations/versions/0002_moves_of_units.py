"""Documents follow their unit when it moves (G-11); users can be deleted (R-04), sessions act for a unit (G-21) and stand on
known devices (G-22), their time is summed (G-20); the audit log (G-19)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import append_only, scope_table
from chassis.db.scopes import scope_moves

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    scope_moves(op)
    op.add_column("users", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("credentials", sa.Column("online_before", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("sessions", sa.Column("acting_unit_id", sa.Uuid(), nullable=True))
    op.add_column("sessions", sa.Column("device_id", sa.Uuid(), nullable=True))
    op.add_column("org_units", sa.Column("devices_checked", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table('sign_in_devices',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('unit_id', sa.Uuid(), nullable=False),
        sa.Column('key_digest', sa.Text(), nullable=False),
        sa.Column('label', sa.Text(), nullable=False),
        sa.Column('state', sa.Enum('pending', 'approved', 'revoked', name='state', native_enum=False, length=32), nullable=False),
        sa.Column('first_username', sa.Text(), nullable=False),
        sa.Column('first_address', sa.Text(), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_devices')),
        sa.UniqueConstraint('unit_id', 'key_digest', name=op.f('uq_sign_in_devices_unit_id_key_digest'))
    )
    op.create_index(op.f('ix_sign_in_devices_org_path'), 'sign_in_devices', ['org_path'], unique=False)
    op.create_table('audit_entries',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('username', sa.Text(), nullable=False),
        sa.Column('acting_for', sa.Text(), nullable=True),
        sa.Column('address', sa.Text(), nullable=False),
        sa.Column('method', sa.Text(), nullable=False),
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('operation', sa.Text(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=False),
        sa.Column('trace_id', sa.Text(), nullable=False),
        sa.Column('content', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entries'))
    )
    op.create_index(op.f('ix_audit_entries_org_path'), 'audit_entries', ['org_path'], unique=False)
    op.create_index(op.f('ix_audit_entries_at_id'), 'audit_entries', ['at', 'id'], unique=False)
    op.create_index(op.f('ix_audit_entries_username_at'), 'audit_entries', ['username', 'at'], unique=False)
    scope_table(op, "sign_in_devices")
    scope_table(op, "audit_entries")
    append_only(op, "audit_entries")
