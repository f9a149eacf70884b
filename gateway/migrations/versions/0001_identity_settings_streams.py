"""Organisation, users, roles, sessions, parameters, streams."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import append_only, chassis_tables, scope_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    chassis_tables(op)
    op.create_table('credentials',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('password_hash', sa.Text(), nullable=False),
        sa.Column('must_change', sa.Boolean(), nullable=False),
        sa.Column('failures', sa.Integer(), nullable=False),
        sa.Column('locked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('last_login_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('epoch', sa.Integer(), nullable=False),
        sa.Column('epoch_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_credentials'))
    )
    op.create_index(op.f('ix_credentials_org_path'), 'credentials', ['org_path'], unique=False)
    op.create_table('org_units',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('code', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('kind', sa.Enum('hq', 'branch', 'site', name='kind', native_enum=False, length=32), nullable=False),
        sa.Column('parent_id', sa.Uuid(), nullable=True),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_org_units')),
        sa.UniqueConstraint('code')
    )
    op.create_index(op.f('ix_org_units_org_path'), 'org_units', ['org_path'], unique=False)
    op.create_table('parameter_changes',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('parameter_id', sa.Uuid(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('author', sa.Text(), nullable=False),
        sa.Column('before', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column('after', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_parameter_changes'))
    )
    op.create_index(op.f('ix_parameter_changes_parameter_id'), 'parameter_changes', ['parameter_id'], unique=False)
    op.create_table('parameters',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('held', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('shipped', sa.Boolean(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_parameters')),
        sa.UniqueConstraint('key')
    )
    op.create_table('roles',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('code', sa.Text(), nullable=False),
        sa.Column('name_zh', sa.Text(), nullable=False),
        sa.Column('name_en', sa.Text(), nullable=False),
        sa.Column('permissions', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('shipped', sa.Boolean(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_roles')),
        sa.UniqueConstraint('code')
    )
    op.create_table('sessions',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('family_digest', sa.Text(), nullable=False),
        sa.Column('turn_digest', sa.Text(), nullable=False),
        sa.Column('language', sa.Text(), nullable=False),
        sa.Column('address', sa.Text(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('used_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('ended_why', sa.Text(), nullable=True),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sessions'))
    )
    op.create_index(op.f('ix_sessions_ended_at'), 'sessions', ['ended_at'], unique=False)
    op.create_index(op.f('ix_sessions_expires_at'), 'sessions', ['expires_at'], unique=False)
    op.create_index(op.f('ix_sessions_org_path'), 'sessions', ['org_path'], unique=False)
    op.create_index(op.f('ix_sessions_user_id'), 'sessions', ['user_id'], unique=False)
    op.create_table('stray_sign_ins',
        sa.Column('username_key', sa.Text(), nullable=False),
        sa.Column('failures', sa.Integer(), nullable=False),
        sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('username_key', name=op.f('pk_stray_sign_ins'))
    )
    op.create_index(op.f('ix_stray_sign_ins_last_at'), 'stray_sign_ins', ['last_at'], unique=False)
    op.create_table('stream_events',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('subject', sa.Uuid(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('audience', sa.Text(), nullable=True),
        sa.Column('data', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_stream_events'))
    )
    op.create_index(op.f('ix_stream_events_at'), 'stream_events', ['at'], unique=False)
    op.create_index(op.f('ix_stream_events_org_path'), 'stream_events', ['org_path'], unique=False)
    op.create_index('ix_stream_events_subject', 'stream_events', ['subject', 'version'], unique=False)
    op.create_table('stream_marks',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('position', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_stream_marks'))
    )
    op.create_table('users',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('username', sa.Text(), nullable=False),
        sa.Column('username_key', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('org_unit_id', sa.Uuid(), nullable=False),
        sa.Column('roles', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('active', sa.Boolean(), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
        sa.UniqueConstraint('username_key')
    )
    op.create_index(op.f('ix_users_org_path'), 'users', ['org_path'], unique=False)
    scope_table(op, "credentials")
    scope_table(op, "org_units")
    scope_table(op, "sessions")
    scope_table(op, "stream_events")
    scope_table(op, "users")
    append_only(op, "parameter_changes")
