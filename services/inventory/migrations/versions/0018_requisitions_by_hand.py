"""Several requisitions of an order and such without one (I-50); what follows the order has a row of its own, which sums them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import indexes, scope_table, system_scope
from chassis.db.numbering import Kind, more_numbering

revision = "0018"
down_revision = "0017"

MOVED = ("sequence", "repaired", "posted_returns", "announced")
"""Columns of the supply row alone from now on."""
STAMPS = ("version", "created_at", "created_by", "updated_at", "updated_by")


def _followed() -> None:
    """Of each order's requisition, under its id: what is told of it goes on as before."""
    op.create_table(
        "supplies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_number", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("quote_version", sa.Integer(), nullable=True),
        sa.Column("repaired", sa.Boolean(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("posted_returns", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("announced", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplies")),
        sa.UniqueConstraint("work_order_id", name=op.f("uq_supplies_work_order_id")),
    )
    op.create_index("ix_supplies_org_path", "supplies", ["org_path"])
    columns = ", ".join(("id", "work_order_id", "work_order_number", "site_id", "technician_id", "quote_version", "cancelled", "promised_at", "org_path", *MOVED, *STAMPS))
    op.execute(f"INSERT INTO supplies ({columns}) SELECT {columns} FROM requisitions")
    op.execute("UPDATE supplies SET announced = announced || '{\"drafts\": []}' WHERE announced IS NOT NULL")
    scope_table(op, "supplies")
    for name in MOVED:
        op.drop_column("requisitions", name)


def _by_hand() -> None:
    op.drop_constraint("uq_requisitions_work_order_id", "requisitions")
    for name in ("work_order_id", "work_order_number"):
        op.alter_column("requisitions", name, nullable=True)
    for column, default in (
        (sa.Column("type", sa.Text(), nullable=False, server_default="normal"), "type"),
        (sa.Column("planned", sa.Boolean(), nullable=False, server_default="true"), "planned"),
        (sa.Column("number", sa.Text(), nullable=True), None),
        (sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True), None),
        (sa.Column("remark", sa.Text(), nullable=True), None),
        (sa.Column("reason", sa.Text(), nullable=True), None),
    ):  # fmt: skip
        op.add_column("requisitions", column)
        if default:
            op.alter_column("requisitions", default, server_default=None)
    op.create_index("uq_requisitions_planned", "requisitions", ["work_order_id"], unique=True, postgresql_where=sa.text("planned"))
    op.create_unique_constraint(op.f("uq_requisitions_number"), "requisitions", ["number"])
    op.create_check_constraint("planned", "requisitions", "work_order_id IS NOT NULL OR NOT planned")
    op.create_check_constraint("applied", "requisitions", "planned OR (number IS NULL) = (applied_at IS NULL)")
    for name in ("asked", "held"):
        op.add_column("requisition_lines", sa.Column(name, sa.Numeric(14, 3), nullable=False, server_default="0"))
        op.alter_column("requisition_lines", name, server_default=None)
    op.add_column("requisition_lines", sa.Column("held_until", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint("ck_requisition_lines_amounts", "requisition_lines")
    op.create_check_constraint(
        "amounts", "requisition_lines", "needed >= 0 AND asked >= 0 AND reserved >= 0 AND returned >= 0 AND issued >= returned"
    )
    op.create_check_constraint("held", "requisition_lines", "held >= 0 AND (held > 0) = (held_until IS NOT NULL)")


def _copies() -> None:
    op.create_table(
        "technician_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_technician_copies")),
    )
    op.create_index("ix_technician_copies_org_path", "technician_copies", ["org_path"])
    scope_table(op, "technician_copies")
    op.create_table(
        "parameter_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parameter_copies")),
        sa.UniqueConstraint("key", name=op.f("uq_parameter_copies_key")),
    )


def upgrade() -> None:
    system_scope(op)
    _followed()
    _by_hand()
    _copies()
    more_numbering(op, {"stock_receipt": Kind("stock_receipts", "GR")}, {"requisition": Kind("requisitions", "RQ")})
    indexes(op, {
        "ix_requisitions_work_order_id": "requisitions (work_order_id)",
        **{f"ix_requisitions_{name}_created_at_id": f"requisitions ({name}, created_at, id)" for name in ("type", "technician_id")},
        "ix_requisition_lines_held_until": "requisition_lines (held_until) WHERE held_until IS NOT NULL",
    })  # fmt: skip
