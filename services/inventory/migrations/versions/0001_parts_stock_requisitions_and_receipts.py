"""Parts, stock, requisitions and receipts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import app_role, append_only, chassis_tables, scope_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    chassis_tables(op)
    op.create_table('parts',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('number', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('unit', sa.Text(), nullable=False),
        sa.Column('price', sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.CheckConstraint('price >= 0', name=op.f('ck_parts_price')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_parts')),
        sa.UniqueConstraint('number')
    )
    op.create_index(op.f('ix_parts_name'), 'parts', ['name'], unique=False)
    op.create_table('requisitions',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('work_order_id', sa.Uuid(), nullable=False),
        sa.Column('work_order_number', sa.Text(), nullable=False),
        sa.Column('site_id', sa.Uuid(), nullable=False),
        sa.Column('technician_id', sa.Uuid(), nullable=True),
        sa.Column('state', sa.Enum('draft', 'applied', 'processing', 'out', 'done', name='state', native_enum=False, length=32), nullable=False),
        sa.Column('sequence', sa.Integer(), nullable=False),
        sa.Column('quote_version', sa.Integer(), nullable=True),
        sa.Column('repaired', sa.Boolean(), nullable=False),
        sa.Column('cancelled', sa.Boolean(), nullable=False),
        sa.Column('promised_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('posted_returns', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('told', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_requisitions')),
        sa.UniqueConstraint('work_order_id')
    )
    op.create_index(op.f('ix_requisitions_org_path'), 'requisitions', ['org_path'], unique=False)
    op.create_index(op.f('ix_requisitions_site_id'), 'requisitions', ['site_id'], unique=False)
    op.create_index(op.f('ix_requisitions_state'), 'requisitions', ['state'], unique=False)
    op.create_index(op.f('ix_requisitions_work_order_number'), 'requisitions', ['work_order_number'], unique=False)
    op.create_table('site_copies',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('code', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('time_zone', sa.Text(), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.Column('sequence', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_site_copies'))
    )
    op.create_index(op.f('ix_site_copies_code'), 'site_copies', ['code'], unique=False)
    op.create_index(op.f('ix_site_copies_org_path'), 'site_copies', ['org_path'], unique=False)
    op.create_table('warehouses',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('code', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('site_id', sa.Uuid(), nullable=False),
        sa.Column('quality', sa.Enum('good', 'bad', name='quality', native_enum=False, length=32), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_warehouses')),
        sa.UniqueConstraint('code')
    )
    op.create_index(op.f('ix_warehouses_org_path'), 'warehouses', ['org_path'], unique=False)
    op.create_index(op.f('ix_warehouses_site_id'), 'warehouses', ['site_id'], unique=False)
    op.create_table('allocations',
        sa.Column('requisition_id', sa.Uuid(), nullable=False),
        sa.Column('part_id', sa.Uuid(), nullable=False),
        sa.Column('warehouse_id', sa.Uuid(), nullable=False),
        sa.Column('reserved', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('out', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('out_value', sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.CheckConstraint('reserved >= 0 AND out >= 0 AND out_value >= 0', name=op.f('ck_allocations_amounts')),
        sa.ForeignKeyConstraint(['part_id'], ['parts.id'], name=op.f('fk_allocations_part_id')),
        sa.ForeignKeyConstraint(['requisition_id'], ['requisitions.id'], name=op.f('fk_allocations_requisition_id')),
        sa.ForeignKeyConstraint(['warehouse_id'], ['warehouses.id'], name=op.f('fk_allocations_warehouse_id')),
        sa.PrimaryKeyConstraint('requisition_id', 'part_id', 'warehouse_id', name=op.f('pk_allocations'))
    )
    op.create_index(op.f('ix_allocations_org_path'), 'allocations', ['org_path'], unique=False)
    op.create_index('ix_allocations_stock', 'allocations', ['warehouse_id', 'part_id'], unique=False)
    op.create_table('requisition_lines',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('requisition_id', sa.Uuid(), nullable=False),
        sa.Column('part_id', sa.Uuid(), nullable=False),
        sa.Column('site_id', sa.Uuid(), nullable=False),
        sa.Column('needed', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('reserved', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('issued', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('returned', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('short', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('short_since', sa.DateTime(timezone=True), nullable=True),
        sa.Column('promised_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.CheckConstraint('(short > 0) = (short_since IS NOT NULL)', name=op.f('ck_requisition_lines_short_since')),
        sa.CheckConstraint('needed >= 0 AND reserved >= 0 AND returned >= 0 AND issued >= returned', name=op.f('ck_requisition_lines_amounts')),
        sa.CheckConstraint('short = greatest(needed - (issued - returned) - reserved, 0)', name=op.f('ck_requisition_lines_short')),
        sa.ForeignKeyConstraint(['part_id'], ['parts.id'], name=op.f('fk_requisition_lines_part_id')),
        sa.ForeignKeyConstraint(['requisition_id'], ['requisitions.id'], name=op.f('fk_requisition_lines_requisition_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_requisition_lines')),
        sa.UniqueConstraint('requisition_id', 'part_id', name=op.f('uq_requisition_lines_requisition_id_part_id'))
    )
    op.create_index(op.f('ix_requisition_lines_org_path'), 'requisition_lines', ['org_path'], unique=False)
    op.create_index('ix_requisition_lines_shortages', 'requisition_lines', ['site_id', 'part_id'], unique=False, postgresql_where=sa.text('short > 0'))
    op.create_table('stock',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('warehouse_id', sa.Uuid(), nullable=False),
        sa.Column('part_id', sa.Uuid(), nullable=False),
        sa.Column('on_hand', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('reserved', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('value', sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.CheckConstraint('on_hand >= 0', name=op.f('ck_stock_on_hand')),
        sa.CheckConstraint('reserved >= 0', name=op.f('ck_stock_reserved')),
        sa.CheckConstraint('value >= 0 AND (on_hand > 0 OR value = 0)', name=op.f('ck_stock_value')),
        sa.ForeignKeyConstraint(['part_id'], ['parts.id'], name=op.f('fk_stock_part_id')),
        sa.ForeignKeyConstraint(['warehouse_id'], ['warehouses.id'], name=op.f('fk_stock_warehouse_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_stock')),
        sa.UniqueConstraint('warehouse_id', 'part_id', name=op.f('uq_stock_warehouse_id_part_id'))
    )
    op.create_index(op.f('ix_stock_org_path'), 'stock', ['org_path'], unique=False)
    op.create_index(op.f('ix_stock_part_id'), 'stock', ['part_id'], unique=False)
    op.create_table('stock_movements',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('kind', sa.Enum('receipt', 'issue', 'take_back', 'return', name='kind', native_enum=False, length=32), nullable=False),
        sa.Column('warehouse_id', sa.Uuid(), nullable=False),
        sa.Column('part_id', sa.Uuid(), nullable=False),
        sa.Column('quantity', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('unit_cost', sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column('value', sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column('document_type', sa.Text(), nullable=False),
        sa.Column('document_id', sa.Uuid(), nullable=False),
        sa.Column('work_order_id', sa.Uuid(), nullable=True),
        sa.Column('actor', sa.Text(), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.CheckConstraint('quantity <> 0 AND sign(value) IN (0, sign(quantity))', name=op.f('ck_stock_movements_signs')),
        sa.ForeignKeyConstraint(['part_id'], ['parts.id'], name=op.f('fk_stock_movements_part_id')),
        sa.ForeignKeyConstraint(['warehouse_id'], ['warehouses.id'], name=op.f('fk_stock_movements_warehouse_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_movements'))
    )
    op.create_index(op.f('ix_stock_movements_at'), 'stock_movements', ['at'], unique=False)
    op.create_index('ix_stock_movements_document', 'stock_movements', ['document_id'], unique=False)
    op.create_index(op.f('ix_stock_movements_org_path'), 'stock_movements', ['org_path'], unique=False)
    op.create_index('ix_stock_movements_part_warehouse', 'stock_movements', ['part_id', 'warehouse_id', 'at'], unique=False)
    op.create_index(op.f('ix_stock_movements_warehouse_id'), 'stock_movements', ['warehouse_id'], unique=False)
    op.create_index(op.f('ix_stock_movements_work_order_id'), 'stock_movements', ['work_order_id'], unique=False)
    op.create_table('stock_receipts',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('number', sa.Text(), nullable=False),
        sa.Column('warehouse_id', sa.Uuid(), nullable=False),
        sa.Column('site_id', sa.Uuid(), nullable=False),
        sa.Column('posted_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('total', sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('created_by', sa.Text(), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('updated_by', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['warehouse_id'], ['warehouses.id'], name=op.f('fk_stock_receipts_warehouse_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_receipts')),
        sa.UniqueConstraint('number')
    )
    op.create_index(op.f('ix_stock_receipts_org_path'), 'stock_receipts', ['org_path'], unique=False)
    op.create_index(op.f('ix_stock_receipts_site_id'), 'stock_receipts', ['site_id'], unique=False)
    op.create_index(op.f('ix_stock_receipts_warehouse_id'), 'stock_receipts', ['warehouse_id'], unique=False)
    op.create_table('stock_receipt_lines',
        sa.Column('receipt_id', sa.Uuid(), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('part_id', sa.Uuid(), nullable=False),
        sa.Column('quantity', sa.Numeric(precision=14, scale=3), nullable=False),
        sa.Column('unit_cost', sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column('value', sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column('org_path', sa.Text(collation='C'), nullable=False),
        sa.CheckConstraint('quantity > 0 AND unit_cost >= 0', name=op.f('ck_stock_receipt_lines_amounts')),
        sa.ForeignKeyConstraint(['part_id'], ['parts.id'], name=op.f('fk_stock_receipt_lines_part_id')),
        sa.ForeignKeyConstraint(['receipt_id'], ['stock_receipts.id'], name=op.f('fk_stock_receipt_lines_receipt_id')),
        sa.PrimaryKeyConstraint('receipt_id', 'position', name=op.f('pk_stock_receipt_lines')),
        sa.UniqueConstraint('receipt_id', 'part_id', name=op.f('uq_stock_receipt_lines_receipt_id_part_id'))
    )
    op.create_index(op.f('ix_stock_receipt_lines_org_path'), 'stock_receipt_lines', ['org_path'], unique=False)
    op.create_index(op.f('ix_stock_receipt_lines_part_id'), 'stock_receipt_lines', ['part_id'], unique=False)
    scope_table(op, "requisitions")
    scope_table(op, "site_copies")
    scope_table(op, "warehouses")
    scope_table(op, "allocations")
    scope_table(op, "requisition_lines")
    scope_table(op, "stock")
    scope_table(op, "stock_movements")
    scope_table(op, "stock_receipts")
    scope_table(op, "stock_receipt_lines")
    append_only(op, "stock_movements", "stock_receipts", "stock_receipt_lines")
    _keep_balances()


# The functions run as the owner, since the application may not write stock rows; row-level security is forced, so they see
# no more sites than the application does.
FUNCTION = "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS"

BALANCE = """
BEGIN
  UPDATE stock SET on_hand = on_hand + NEW.quantity, value = value + NEW.value
   WHERE warehouse_id = NEW.warehouse_id AND part_id = NEW.part_id AND org_path = NEW.org_path;
  IF NOT FOUND THEN
    INSERT INTO stock (id, warehouse_id, part_id, on_hand, reserved, value, org_path)
    VALUES (gen_random_uuid(), NEW.warehouse_id, NEW.part_id, NEW.quantity, 0, NEW.value,
            (SELECT org_path FROM warehouses WHERE id = NEW.warehouse_id AND org_path = NEW.org_path));
  END IF;
  RETURN NULL;
END
"""

RESERVED = """
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.reserved <> 0 THEN
    UPDATE stock SET reserved = reserved - OLD.reserved
     WHERE warehouse_id = OLD.warehouse_id AND part_id = OLD.part_id;
    IF NOT FOUND THEN RAISE 'no such stock' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_covered'; END IF;
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.reserved <> 0 THEN
    UPDATE stock SET reserved = reserved + NEW.reserved
     WHERE warehouse_id = NEW.warehouse_id AND part_id = NEW.part_id;
    IF NOT FOUND THEN RAISE 'no such stock' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_covered'; END IF;
  END IF;
  RETURN NULL;
END
"""

COVERED = """
BEGIN
  IF NOT EXISTS (SELECT FROM stock WHERE id = NEW.id AND reserved <= on_hand) THEN
    RAISE 'more is reserved than is there' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_covered';
  END IF;
  RETURN NULL;
END
"""


def _keep_balances() -> None:
    """Balances follow from movements, ``reserved`` from allocations; nobody else writes them. At commit no more may be
    reserved than is there: in between an issue takes its parts before it gives up their reservation."""
    for name, body in (("stock_balance", BALANCE), ("stock_reserved", RESERVED), ("stock_covered", COVERED)):
        op.execute(f"{FUNCTION.format(name=name)} $${body}$$")
    op.execute("CREATE TRIGGER balance AFTER INSERT ON stock_movements FOR EACH ROW EXECUTE FUNCTION stock_balance()")
    op.execute(
        "CREATE TRIGGER reserved AFTER INSERT OR DELETE OR UPDATE OF reserved, warehouse_id, part_id ON allocations "
        "FOR EACH ROW EXECUTE FUNCTION stock_reserved()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER covered AFTER INSERT OR UPDATE ON stock DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW WHEN (NEW.reserved > NEW.on_hand) EXECUTE FUNCTION stock_covered()"
    )
    role = app_role(op.get_bind())
    if role:
        op.execute(f'REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON stock FROM "{role}"')
        op.execute(f'REVOKE TRUNCATE ON allocations FROM "{role}"')
