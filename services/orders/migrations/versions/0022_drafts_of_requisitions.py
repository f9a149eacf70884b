"""Drafts of requisitions hold up an order (O-94). The store keeps technicians from now on, as recipients of parts (I-50): those that were told before are told again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import system_scope

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("requisition_copies", sa.Column("drafts", postgresql.JSONB(none_as_null=True), nullable=False, server_default="[]"))
    op.alter_column("requisition_copies", "drafts", server_default=None)
    system_scope(op)
    op.execute("""
        INSERT INTO outbox (id, type, subject, sequence, org_path, envelope, created_at)
        SELECT e.id, e.type, t.id::text, t.version, t.org_path, jsonb_build_object(
            'specversion', '1.0', 'id', e.id, 'source', '/orders', 'type', e.type, 'subject', t.id, 'time', to_jsonb(now()),
            'datacontenttype', 'application/json', 'sequence', t.version, 'orgpath', t.org_path, 'actor', 'system:migration',
            'data', jsonb_build_object('name', t.name, 'site_id', t.site_id, 'username', t.username, 'active', t.active)), now()
        FROM technicians t CROSS JOIN LATERAL (SELECT gen_random_uuid() AS id, 'aftersales.orders.technician.changed.v1' AS type, t.id AS of) e
        ORDER BY t.id""")
