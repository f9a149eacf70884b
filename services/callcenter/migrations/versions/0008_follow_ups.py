"""Follow-ups: customers who said at the revisit that it is not solved; a revisit may be recorded without a score."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import scope_table, system_scope

revision = "0008"
down_revision = "0007"

# The release before let an order be revisited by any result. What it recorded as not solved a moment before it stopped may not have
# reached orders, which now waits for the follow-up's end: one for an order that is revisited already does no harm.
IN_FLIGHT = """
INSERT INTO follow_ups (id, state, revisit_id, work_order_id, work_order_number, site_id, customer_id, comment, org_path,
    version, created_at, created_by, updated_at, updated_by)
SELECT gen_random_uuid(), 'open', r.id, r.work_order_id, r.work_order_number, r.site_id, r.customer_id, r.comment, r.org_path,
    1, r.recorded_at, r.recorded_by, r.recorded_at, r.recorded_by
FROM outbox o JOIN revisits r ON r.id::text = o.subject
WHERE o.type = 'aftersales.callcenter.revisit.recorded.v1' AND r.solved IS FALSE
    AND (o.sent_at IS NULL OR o.sent_at > now() - interval '1 hour')
"""


def upgrade() -> None:
    op.create_table(
        "follow_ups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("revisit_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_number", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("solved", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_ups")),
        sa.UniqueConstraint("revisit_id", name=op.f("uq_follow_ups_revisit_id")),
    )
    op.create_index(op.f("ix_follow_ups_org_path"), "follow_ups", ["org_path"])
    op.create_index(op.f("ix_follow_ups_work_order_id"), "follow_ups", ["work_order_id"])
    op.create_index(op.f("ix_follow_ups_created_at_id"), "follow_ups", ["created_at", "id"])
    for name in ("state", "site_id", "customer_id"):
        op.create_index(op.f(f"ix_follow_ups_{name}_created_at_id"), "follow_ups", [name, "created_at", "id"])
    scope_table(op, "follow_ups")
    system_scope(op)
    op.execute(IN_FLIGHT)
