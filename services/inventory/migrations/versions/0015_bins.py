"""Bins of stores (货位, I-08): movements may name one, and what lies in each is derived from them."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import app_role, scope_table

revision = "0015"
down_revision = "0014"

# As migration 0014 made it; ``binned`` is what lies in the bins of a stock row, null where nothing ever did.
BALANCE = """
DECLARE tracked boolean;
BEGIN
  UPDATE stock SET on_hand = on_hand + NEW.quantity, value = value + NEW.value,
         binned = CASE WHEN NEW.bin_id IS NULL THEN binned ELSE coalesce(binned, 0) + NEW.quantity END
   WHERE warehouse_id = NEW.warehouse_id AND part_id = NEW.part_id AND quality = NEW.quality AND org_path = NEW.org_path
  RETURNING serial_tracked INTO tracked;
  IF NOT FOUND THEN
    INSERT INTO stock (id, warehouse_id, part_id, quality, serial_tracked, on_hand, reserved, value, binned, org_path)
    VALUES (gen_random_uuid(), NEW.warehouse_id, NEW.part_id, NEW.quality, (SELECT serial_tracked FROM parts WHERE id = NEW.part_id),
            NEW.quantity, 0, NEW.value, CASE WHEN NEW.bin_id IS NOT NULL THEN NEW.quantity END,
            (SELECT org_path FROM warehouses WHERE id = NEW.warehouse_id AND org_path = NEW.org_path
             AND (kind = 'transit' OR quality = NEW.quality)))
    RETURNING serial_tracked INTO tracked;
  END IF;
  IF NEW.bin_id IS NOT NULL THEN
    UPDATE bin_stock SET on_hand = on_hand + NEW.quantity, last_at = NEW.at
     WHERE bin_id = NEW.bin_id AND part_id = NEW.part_id AND quality = NEW.quality;
    IF NOT FOUND THEN
      INSERT INTO bin_stock (id, bin_id, warehouse_id, part_id, quality, on_hand, last_at, org_path)
      VALUES (gen_random_uuid(), NEW.bin_id, NEW.warehouse_id, NEW.part_id, NEW.quality, NEW.quantity, NEW.at, NEW.org_path);
    END IF;
  END IF;
  IF tracked <> (NEW.serial_id IS NOT NULL) THEN
    RAISE 'pieces of such a part move by serial number' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_movements_tracked';
  ELSIF NOT tracked THEN
    RETURN NULL;
  ELSIF NEW.quantity > 0 THEN
    UPDATE serials SET place = (SELECT CASE kind WHEN 'store' THEN 'warehouse' ELSE kind END FROM warehouses WHERE id = NEW.warehouse_id),
           place_id = NEW.warehouse_id, warehouse_id = NEW.warehouse_id, bin_id = NEW.bin_id, quality = NEW.quality, moved_at = NEW.at,
           org_path = NEW.org_path
     WHERE id = NEW.serial_id AND part_id = NEW.part_id AND place = NEW.place AND place_id IS NOT DISTINCT FROM NEW.place_id;
  ELSE
    UPDATE serials SET place = NEW.place, place_id = NEW.place_id, moved_at = NEW.at,
           warehouse_id = CASE WHEN NEW.place IN ('warehouse', 'transit') THEN NEW.place_id ELSE warehouse_id END
     WHERE id = NEW.serial_id AND part_id = NEW.part_id AND place_id = NEW.warehouse_id AND quality = NEW.quality
       AND bin_id IS NOT DISTINCT FROM NEW.bin_id;
  END IF;
  IF NOT FOUND THEN
    RAISE 'the piece is elsewhere' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_serials_place';
  END IF;
  RETURN NULL;
END
"""
FUNCTION = "CREATE OR REPLACE FUNCTION stock_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS"


def upgrade() -> None:
    op.create_table(
        "bins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("code_key", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_bins_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bins")),
        sa.UniqueConstraint("warehouse_id", "code_key", name="uq_bins_code_key"),
        sa.UniqueConstraint("id", "warehouse_id", name=op.f("uq_bins_id_warehouse_id")),
    )
    op.create_index("ix_bins_org_path", "bins", ["org_path"])
    op.create_index("ix_bins_code_id", "bins", ["code", "id"])
    op.create_table(
        "bin_stock",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bin_id", sa.Uuid(), nullable=False),
        sa.Column("warehouse_id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("quality", sa.Enum("good", "bad", "to_check", name="quality", native_enum=False, length=32), nullable=False),
        sa.Column("on_hand", sa.Numeric(14, 3), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("on_hand >= 0", name=op.f("ck_bin_stock_on_hand")),
        sa.ForeignKeyConstraint(["bin_id", "warehouse_id"], ["bins.id", "bins.warehouse_id"], name=op.f("fk_bin_stock_bin_id")),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name=op.f("fk_bin_stock_part_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bin_stock")),
        sa.UniqueConstraint("bin_id", "part_id", "quality", name=op.f("uq_bin_stock_bin_id_part_id_quality")),
    )
    op.create_index("ix_bin_stock_org_path", "bin_stock", ["org_path"])
    op.create_index("ix_bin_stock_part_id", "bin_stock", ["part_id", "warehouse_id"])
    op.add_column("stock", sa.Column("binned", sa.Numeric(14, 3), nullable=True))
    op.create_check_constraint(op.f("ck_stock_binned"), "stock", "binned BETWEEN 0 AND on_hand")
    for table in ("stock_movements", "serials", "stock_receipt_lines"):
        op.add_column(table, sa.Column("bin_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_stock_movements_bin_id"), "stock_movements", "bins", ["bin_id", "warehouse_id"], ["id", "warehouse_id"])
    op.create_foreign_key(op.f("fk_serials_bin_id"), "serials", "bins", ["bin_id"], ["id"])
    op.create_foreign_key(op.f("fk_stock_receipt_lines_bin_id"), "stock_receipt_lines", "bins", ["bin_id"], ["id"])
    op.create_index("ix_stock_movements_bin_id", "stock_movements", ["bin_id", "at", "id"], postgresql_where=sa.text("bin_id IS NOT NULL"))
    scope_table(op, "bins")
    scope_table(op, "bin_stock")
    op.execute(f"{FUNCTION} $${BALANCE}$$")
    if role := app_role(op.get_bind()):
        op.execute(f'REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON bin_stock FROM "{role}"')
        op.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON bins FROM "{role}"')
        op.execute(f'GRANT UPDATE (code, code_key, name, version, updated_at, updated_by) ON bins TO "{role}"')
