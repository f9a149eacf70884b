"""Webhooks, what is to be told to them, and what was tried (G-26)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import scope_table

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table('webhook_attempts',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('delivery_id', sa.Uuid(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('excerpt', sa.Text(), nullable=True),
        sa.Column('milliseconds', sa.Integer(), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_attempts'))
    )
    op.create_index('ix_webhook_attempts_delivery', 'webhook_attempts', ['delivery_id', 'at'], unique=False)
    op.create_index(op.f('ix_webhook_attempts_org_path'), 'webhook_attempts', ['org_path'], unique=False)
    op.create_table('webhook_deliveries',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('webhook_id', sa.Uuid(), nullable=False),
        sa.Column('event_id', sa.Uuid(), nullable=True),
        sa.Column('type', sa.Text(), nullable=False),
        sa.Column('subject', sa.Uuid(), nullable=False),
        sa.Column('sequence', sa.Integer(), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('state', sa.Enum('queued', 'delivered', 'dead', 'superseded', name='deliverystate', native_enum=False, length=32), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('replays', sa.Integer(), nullable=False),
        sa.Column('next_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('claim', sa.Uuid(), nullable=True),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_deliveries')),
        sa.UniqueConstraint('webhook_id', 'event_id', name=op.f('uq_webhook_deliveries_webhook_id_event_id'))
    )
    op.create_index('ix_webhook_deliveries_created_at', 'webhook_deliveries', ['created_at'], unique=False)
    op.create_index('ix_webhook_deliveries_document', 'webhook_deliveries', ['webhook_id', 'subject', 'sequence'], unique=False)
    op.create_index('ix_webhook_deliveries_due', 'webhook_deliveries', ['webhook_id', 'next_at'], unique=False, postgresql_where=sa.text("state = 'queued'"))
    op.create_index('ix_webhook_deliveries_log', 'webhook_deliveries', ['webhook_id', 'created_at'], unique=False)
    op.create_index(op.f('ix_webhook_deliveries_org_path'), 'webhook_deliveries', ['org_path'], unique=False)
    op.create_table('webhooks',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('url', sa.Text(), nullable=False),
        sa.Column('events', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('secret', sa.LargeBinary(), nullable=False),
        sa.Column('former_secret', sa.LargeBinary(), nullable=True),
        sa.Column('former_secret_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('state', sa.Enum('active', 'disabled', name='webhookstate', native_enum=False, length=32), nullable=False),
        sa.Column('disabled_why', sa.Enum('by_hand', 'gone', 'failing', name='disabledwhy', native_enum=False, length=32), nullable=True),
        sa.Column('failing_since', sa.DateTime(timezone=True), nullable=True),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_webhooks'))
    )
    op.create_index(op.f('ix_webhooks_org_path'), 'webhooks', ['org_path'], unique=False)
    scope_table(op, "webhook_attempts")
    scope_table(op, "webhook_deliveries")
    scope_table(op, "webhooks")
