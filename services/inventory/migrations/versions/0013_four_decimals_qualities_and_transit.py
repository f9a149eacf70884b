"""Values of stock have four decimals; stock rows and movements say the quality, since several may lie in a transit place."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import app_role, system_scope

revision = "0013"
down_revision = "0012"

QUALITY = sa.Enum("good", "bad", "to_check", name="quality", native_enum=False, length=32)

# As migration 0001 made it, by quality. A store's row has the store's quality, which never changes: whoever makes another one names no place.
BALANCE = """
BEGIN
  UPDATE stock SET on_hand = on_hand + NEW.quantity, value = value + NEW.value
   WHERE warehouse_id = NEW.warehouse_id AND part_id = NEW.part_id AND quality = NEW.quality AND org_path = NEW.org_path;
  IF NOT FOUND THEN
    INSERT INTO stock (id, warehouse_id, part_id, quality, on_hand, reserved, value, org_path)
    VALUES (gen_random_uuid(), NEW.warehouse_id, NEW.part_id, NEW.quality, NEW.quantity, 0, NEW.value,
            (SELECT org_path FROM warehouses WHERE id = NEW.warehouse_id AND org_path = NEW.org_path
             AND (kind = 'transit' OR quality = NEW.quality)));
  END IF;
  RETURN NULL;
END
"""

# Nothing is reserved but good parts in a store.
RESERVED = """
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.reserved <> 0 THEN
    UPDATE stock SET reserved = reserved - OLD.reserved
     WHERE warehouse_id = OLD.warehouse_id AND part_id = OLD.part_id AND quality = 'good';
    IF NOT FOUND THEN RAISE 'no such stock' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_covered'; END IF;
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.reserved <> 0 THEN
    UPDATE stock SET reserved = reserved + NEW.reserved
     WHERE warehouse_id = NEW.warehouse_id AND part_id = NEW.part_id AND quality = 'good'
       AND EXISTS (SELECT FROM warehouses WHERE id = NEW.warehouse_id AND kind = 'store');
    IF NOT FOUND THEN RAISE 'no such stock' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_covered'; END IF;
  END IF;
  RETURN NULL;
END
"""
FUNCTION = "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS"


def upgrade() -> None:
    system_scope(op)
    for table, column in (("stock", "value"), ("stock_movements", "value"), ("allocations", "out_value")):
        op.alter_column(table, column, type_=sa.Numeric(20, 4))
    op.add_column("warehouses", sa.Column("kind", sa.Enum("store", "transit", name="keeping", native_enum=False, length=32), nullable=False,
                                          server_default="store"))
    op.alter_column("warehouses", "kind", server_default=None)
    op.alter_column("warehouses", "quality", nullable=True)
    op.create_check_constraint(op.f("ck_warehouses_quality"), "warehouses", "(kind = 'transit') = (quality IS NULL)")
    op.create_index("uq_warehouses_transit", "warehouses", ["site_id"], unique=True, postgresql_where=sa.text("kind = 'transit'"))
    for table in ("stock", "stock_movements"):
        op.add_column(table, sa.Column("quality", QUALITY, nullable=True))
        op.execute(f"UPDATE {table} SET quality = w.quality FROM warehouses w WHERE w.id = warehouse_id")
        op.execute("SET CONSTRAINTS ALL IMMEDIATE")
        op.alter_column(table, "quality", nullable=False)
    op.drop_constraint(op.f("uq_stock_warehouse_id_part_id"), "stock")
    op.create_unique_constraint(op.f("uq_stock_warehouse_id_part_id_quality"), "stock", ["warehouse_id", "part_id", "quality"])
    for name, body in (("stock_balance", BALANCE), ("stock_reserved", RESERVED)):
        op.execute(f"{FUNCTION.format(name=name)} $${body}$$")
    if role := app_role(op.get_bind()):  # kind and quality of a warehouse are for ever
        op.execute(f'REVOKE UPDATE ON warehouses FROM "{role}"')
        op.execute(f'GRANT UPDATE (name, version, updated_at, updated_by) ON warehouses TO "{role}"')
