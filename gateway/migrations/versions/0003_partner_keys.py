"""Partners' systems, their keys and what they called (G-25)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import app_role, append_only, scope_table

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table('partners',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('client_id', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('org_unit_id', sa.Uuid(), nullable=False),
        sa.Column('scopes', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('networks', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('requests_per_second', sa.Integer(), nullable=True),
        sa.Column('state', sa.Enum('active', 'disabled', name='partnerstate', native_enum=False, length=32), nullable=False),
        sa.Column('epoch', sa.Integer(), nullable=False),
        sa.Column('epoch_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_partners')),
        sa.UniqueConstraint('client_id', name=op.f('uq_partners_client_id'))
    )
    op.create_index(op.f('ix_partners_epoch_at'), 'partners', ['epoch_at'], unique=False)
    op.create_index(op.f('ix_partners_org_path'), 'partners', ['org_path'], unique=False)
    op.create_table('partner_keys',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('partner_id', sa.Uuid(), nullable=False),
        sa.Column('digest', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_partner_keys'))
    )
    op.create_index(op.f('ix_partner_keys_org_path'), 'partner_keys', ['org_path'], unique=False)
    op.create_index(op.f('ix_partner_keys_partner_id'), 'partner_keys', ['partner_id'], unique=False)
    op.create_index(op.f('ix_partner_keys_revoked_at'), 'partner_keys', ['revoked_at'], unique=False)
    op.create_table('partner_calls',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('partner_id', sa.Uuid(), nullable=False),
        sa.Column('key_id', sa.Uuid(), nullable=True),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('method', sa.Text(), nullable=False),
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('operation', sa.Text(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=False),
        sa.Column('duration_ms', sa.Integer(), nullable=True),
        sa.Column('dry_run', sa.Boolean(), nullable=False),
        sa.Column('trace_id', sa.Text(), nullable=False),
        sa.Column('address', sa.Text(), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_partner_calls'))
    )
    op.create_index(op.f('ix_partner_calls_at_id'), 'partner_calls', ['at', 'id'], unique=False)
    op.create_index(op.f('ix_partner_calls_org_path'), 'partner_calls', ['org_path'], unique=False)
    op.create_index(op.f('ix_partner_calls_partner_id_at_id'), 'partner_calls', ['partner_id', 'at', 'id'], unique=False)
    for table in ("partners", "partner_keys", "partner_calls"):
        scope_table(op, table)
    # Of a call, only how it ended is told later; entries go when their time is over (partner.call_log_days).
    append_only(op, "partner_calls")
    if role := app_role(op.get_bind()):
        op.execute(f'GRANT UPDATE (status, duration_ms), DELETE ON partner_calls TO "{role}"')
