"""Tables of orders."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import app_role, append_only, chassis_tables, scope_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    chassis_tables(op)
    op.create_table(
        "appointments",
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("slot", postgresql.INT8RANGE(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        postgresql.ExcludeConstraint((sa.column("slot"), "&&"), using="gist", name="ex_appointments_slot"),
        sa.PrimaryKeyConstraint("work_order_id", name=op.f("pk_appointments")),
    )
    op.create_index(op.f("ix_appointments_org_path"), "appointments", ["org_path"], unique=False)
    op.create_index(op.f("ix_appointments_technician_id"), "appointments", ["technician_id"], unique=False)
    op.create_table(
        "bill_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("customer_total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("maker_total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("open_amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_copies")),
    )
    op.create_index("ix_bill_copies_order", "bill_copies", ["work_order_id", "round"], unique=False)
    op.create_index(op.f("ix_bill_copies_org_path"), "bill_copies", ["org_path"], unique=False)
    op.create_table(
        "customer_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phones", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_copies")),
    )
    op.create_table(
        "customer_phones",
        sa.Column("digits", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("digits", "customer_id", name=op.f("pk_customer_phones")),
    )
    op.create_index(op.f("ix_customer_phones_customer_id"), "customer_phones", ["customer_id"], unique=False)
    op.create_table(
        "devices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("serial_number", sa.Text(), nullable=True),
        sa.Column("serial_key", sa.Text(collation="C"), nullable=True),
        sa.Column("purchased_on", sa.Date(), nullable=True),
        sa.Column("warranty_months", sa.Integer(), nullable=False),
        sa.Column("stays", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("warranty_ends_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("product_id", "serial_number", name="uq_devices_serial_number"),
    )
    op.create_index("ix_devices_created_at", "devices", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_devices_customer_id"), "devices", ["customer_id"], unique=False)
    op.create_index(op.f("ix_devices_product_id"), "devices", ["product_id"], unique=False)
    op.create_index("ix_devices_serial_key", "devices", ["serial_key", "id"], unique=False)
    op.create_table(
        "history_keys",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "external_id", name=op.f("pk_history_keys")),
    )
    op.create_table(
        "labour_rate_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hourly_rate", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labour_rate_copies")),
    )
    op.create_index(op.f("ix_labour_rate_copies_code"), "labour_rate_copies", ["code"], unique=False)
    op.create_table(
        "org_unit_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_org_unit_copies")),
    )
    op.create_index(op.f("ix_org_unit_copies_code"), "org_unit_copies", ["code"], unique=False)
    op.create_table(
        "parameter_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parameter_copies")),
    )
    op.create_index(op.f("ix_parameter_copies_key"), "parameter_copies", ["key"], unique=False)
    op.create_table(
        "part_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part_copies")),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("warranty_months", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("code"),
    )
    op.create_index(op.f("ix_products_brand"), "products", ["brand"], unique=False)
    op.create_index(op.f("ix_products_category"), "products", ["category"], unique=False)
    op.create_table(
        "quotes",
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("quote", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("work_order_id", "version", name=op.f("pk_quotes")),
    )
    op.create_index(op.f("ix_quotes_org_path"), "quotes", ["org_path"], unique=False)
    op.create_table(
        "requisition_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("quote_version", sa.Integer(), nullable=True),
        sa.Column("reserved_all", sa.Boolean(), nullable=False),
        sa.Column("issued_all", sa.Boolean(), nullable=False),
        sa.Column("issued_any", sa.Boolean(), nullable=False),
        sa.Column("lines", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requisition_copies")),
    )
    op.create_index(op.f("ix_requisition_copies_org_path"), "requisition_copies", ["org_path"], unique=False)
    op.create_index(
        op.f("ix_requisition_copies_work_order_id"), "requisition_copies", ["work_order_id"], unique=False
    )
    op.create_table(
        "revisit_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("recorded", sa.Boolean(), nullable=False),
        sa.Column("solved", sa.Boolean(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revisit_copies")),
    )
    op.create_index(op.f("ix_revisit_copies_org_path"), "revisit_copies", ["org_path"], unique=False)
    op.create_index(
        op.f("ix_revisit_copies_work_order_id"), "revisit_copies", ["work_order_id"], unique=False
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("org_unit_code", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
        sa.UniqueConstraint("code"),
    )
    op.create_index(op.f("ix_sites_org_path"), "sites", ["org_path"], unique=False)
    op.create_index(op.f("ix_sites_org_unit_code"), "sites", ["org_unit_code"], unique=False)
    op.create_table(
        "technicians",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_technicians")),
        sa.UniqueConstraint("serial"),
    )
    op.create_index(op.f("ix_technicians_org_path"), "technicians", ["org_path"], unique=False)
    op.create_index(op.f("ix_technicians_site_id"), "technicians", ["site_id"], unique=False)
    op.create_index(op.f("ix_technicians_username"), "technicians", ["username"], unique=False)
    op.create_table(
        "timeline_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline_entries")),
    )
    op.create_index("ix_timeline_entries_order", "timeline_entries", ["work_order_id", "at"], unique=False)
    op.create_index(op.f("ix_timeline_entries_org_path"), "timeline_entries", ["org_path"], unique=False)
    op.create_table(
        "user_copies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_copies")),
    )
    op.create_index(op.f("ix_user_copies_username"), "user_copies", ["username"], unique=False)
    op.create_table(
        "work_order_tokens",
        sa.Column("token", sa.Text(collation="C"), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("token", "org_path", "work_order_id", name=op.f("pk_work_order_tokens")),
    )
    op.create_table(
        "work_orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column(
            "origin", sa.Enum("live", "history", name="origin", native_enum=False, length=32), nullable=False
        ),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "registered",
                "in_repair",
                "in_check",
                "ready",
                "completed",
                "revisited",
                "audited",
                "cancelled",
                name="state",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "waiting_for",
            sa.Enum("approval", "parts", "customer", "maker", name="wait", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("technician_id", sa.Uuid(), nullable=True),
        sa.Column("appointment_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("appointment_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column(
            "coverage",
            sa.Enum(
                "in_warranty", "out_of_warranty", "to_check", name="coverage", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column(
            "coverage_reason", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False
        ),
        sa.Column("diagnosis", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("quote_version", sa.Integer(), nullable=False),
        sa.Column("approved_version", sa.Integer(), nullable=True),
        sa.Column("quote", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("returns", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("repaired", sa.Boolean(), nullable=False),
        sa.Column("work_done", sa.Text(), nullable=True),
        sa.Column("received_by", sa.Text(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("billing", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_orders")),
        sa.UniqueConstraint("number"),
    )
    op.create_index("ix_work_orders_created_at", "work_orders", ["created_at", "id"], unique=False)
    op.create_index("ix_work_orders_customer_id", "work_orders", ["customer_id"], unique=False)
    op.create_index("ix_work_orders_device_id", "work_orders", ["device_id"], unique=False)
    op.create_index("ix_work_orders_external_id", "work_orders", ["external_id", "id"], unique=False)
    op.create_index(op.f("ix_work_orders_org_path"), "work_orders", ["org_path"], unique=False)
    op.create_index("ix_work_orders_product_id", "work_orders", ["product_id"], unique=False)
    op.create_index("ix_work_orders_registered_at", "work_orders", ["registered_at", "id"], unique=False)
    op.create_index("ix_work_orders_site_id", "work_orders", ["site_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_work_orders_source_external_id", "work_orders", ["source", "external_id"], unique=True
    )
    op.create_index("ix_work_orders_state", "work_orders", ["state", "created_at", "id"], unique=False)
    op.create_index("ix_work_orders_technician_id", "work_orders", ["technician_id"], unique=False)
    op.create_index(
        "ix_work_orders_waiting_for", "work_orders", ["waiting_for", "created_at", "id"], unique=False
    )
    op.execute("CREATE SEQUENCE technician_serials")
    scope_table(op, "appointments")
    scope_table(op, "bill_copies")
    scope_table(op, "quotes")
    scope_table(op, "requisition_copies")
    scope_table(op, "revisit_copies")
    scope_table(op, "sites")
    scope_table(op, "technicians")
    scope_table(op, "timeline_entries")
    scope_table(op, "work_order_tokens")
    scope_table(op, "work_orders")
    append_only(op, "quotes")  # versions that were replaced stay as they stood
    if role := app_role(op.get_bind()):
        op.execute(f'REVOKE DELETE ON work_orders FROM "{role}"')
