"""In-app notices: what somebody is told of, until he has read it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import scope_table
from chassis.db.scopes import scope_moves

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table('notices',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('recipient', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('subject_type', sa.Text(), nullable=False),
        sa.Column('subject_id', sa.Uuid(), nullable=False),
        sa.Column('data', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_notices')),
        sa.UniqueConstraint('key', 'recipient', name=op.f('uq_notices_key_recipient'))
    )
    op.create_index('ix_notices_recipient', 'notices', ['recipient', 'created_at', 'id'], unique=False)
    op.create_index(op.f('ix_notices_created_at'), 'notices', ['created_at'], unique=False)
    op.create_index('ix_notices_moves', 'notices', ['org_path'], postgresql_ops={'org_path': 'text_pattern_ops'})
    scope_table(op, "notices")
    scope_moves(op)
