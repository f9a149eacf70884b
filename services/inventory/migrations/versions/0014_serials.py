"""Pieces with a serial number (I-22): a row for each, moved by the movements of its part and by nothing else."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import app_role, scope_table

revision = "0014"
down_revision = "0013"

# What goes out goes to the movement's place, what comes in comes from there; a piece that is not where it would have to be refuses both.
BALANCE = """
DECLARE tracked boolean;
BEGIN
  UPDATE stock SET on_hand = on_hand + NEW.quantity, value = value + NEW.value
   WHERE warehouse_id = NEW.warehouse_id AND part_id = NEW.part_id AND quality = NEW.quality AND org_path = NEW.org_path
  RETURNING serial_tracked INTO tracked;
  IF NOT FOUND THEN
    INSERT INTO stock (id, warehouse_id, part_id, quality, serial_tracked, on_hand, reserved, value, org_path)
    VALUES (gen_random_uuid(), NEW.warehouse_id, NEW.part_id, NEW.quality, (SELECT serial_tracked FROM parts WHERE id = NEW.part_id),
            NEW.quantity, 0, NEW.value,
            (SELECT org_path FROM warehouses WHERE id = NEW.warehouse_id AND org_path = NEW.org_path
             AND (kind = 'transit' OR quality = NEW.quality)))
    RETURNING serial_tracked INTO tracked;
  END IF;
  IF tracked <> (NEW.serial_id IS NOT NULL) THEN
    RAISE 'pieces of such a part move by serial number' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_movements_tracked';
  ELSIF NOT tracked THEN
    RETURN NULL;
  ELSIF NEW.quantity > 0 THEN
    UPDATE serials SET place = (SELECT CASE kind WHEN 'store' THEN 'warehouse' ELSE kind END FROM warehouses WHERE id = NEW.warehouse_id),
           place_id = NEW.warehouse_id, warehouse_id = NEW.warehouse_id, quality = NEW.quality, moved_at = NEW.at, org_path = NEW.org_path
     WHERE id = NEW.serial_id AND part_id = NEW.part_id AND place = NEW.place AND place_id IS NOT DISTINCT FROM NEW.place_id;
  ELSE
    UPDATE serials SET place = NEW.place, place_id = NEW.place_id, moved_at = NEW.at,
           warehouse_id = CASE WHEN NEW.place IN ('warehouse', 'transit') THEN NEW.place_id ELSE warehouse_id END
     WHERE id = NEW.serial_id AND part_id = NEW.part_id AND place_id = NEW.warehouse_id AND quality = NEW.quality;
  END IF;
  IF NOT FOUND THEN
    RAISE 'the piece is elsewhere' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_serials_place';
  END IF;
  RETURN NULL;
END
"""

# At commit as many pieces lie in a place as are on hand there.
COUNTED = """
DECLARE seen serials;
BEGIN
  FOREACH seen IN ARRAY CASE TG_OP WHEN 'UPDATE' THEN ARRAY[OLD, NEW] ELSE ARRAY[NEW] END LOOP
    IF seen.place IN ('warehouse', 'transit') AND
       (SELECT count(*) FROM serials WHERE place_id = seen.place_id AND part_id = seen.part_id AND quality = seen.quality
        AND place IN ('warehouse', 'transit')) IS DISTINCT FROM
       (SELECT on_hand FROM stock WHERE warehouse_id = seen.place_id AND part_id = seen.part_id AND quality = seen.quality)
    THEN
      RAISE 'other pieces lie there than are on hand' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_serials_place';
    END IF;
  END LOOP;
  RETURN NULL;
END
"""

# Asked of all sites, and while nobody posts: who changes it would not see another site's first movement, nor one that is on its way.
TRACKED = """
DECLARE scope text := current_setting('app.scope', true); moved boolean;
BEGIN
  LOCK TABLE stock_movements IN SHARE MODE;
  PERFORM set_config('app.scope', '/', true);
  moved := EXISTS (SELECT FROM stock_movements WHERE part_id = NEW.id);
  PERFORM set_config('app.scope', coalesce(scope, ''), true);
  IF moved THEN
    RAISE 'the part has movements' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_parts_serial_tracked';
  END IF;
  RETURN NULL;
END
"""
FUNCTION = "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS"


def upgrade() -> None:
    op.add_column("parts", sa.Column("serial_tracked", sa.Boolean(), nullable=False, server_default="false"))
    op.add_column("stock", sa.Column("serial_tracked", sa.Boolean(), nullable=False, server_default="false"))
    for table in ("parts", "stock"):
        op.alter_column(table, "serial_tracked", server_default=None)
    op.create_table(
        "serials",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("number_key", sa.Text(collation="C"), nullable=False),
        sa.Column("place", sa.Enum("warehouse", "transit", "order", "customer", "supplier", "loaner", name="whereabouts", native_enum=False,
                                   length=32), nullable=False, server_default="supplier"),
        sa.Column("place_id", sa.Uuid(), nullable=True),
        sa.Column("warehouse_id", sa.Uuid(), nullable=True),
        sa.Column("quality", sa.Enum("good", "bad", "to_check", name="quality", native_enum=False, length=32), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("org_path", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("place NOT IN ('warehouse', 'transit') OR (place_id = warehouse_id AND quality IS NOT NULL)", name=op.f("ck_serials_lies")),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name=op.f("fk_serials_part_id")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouses.id"], name=op.f("fk_serials_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_serials")),
        sa.UniqueConstraint("part_id", "number_key", name=op.f("uq_serials_part_id_number_key")),
    )
    op.create_index("ix_serials_org_path", "serials", ["org_path"])
    op.create_index("ix_serials_place_id", "serials", ["place_id", "part_id", "quality"])
    for column in ("number", "number_key", "moved_at"):
        op.create_index(f"ix_serials_{column}_id", "serials", [column, "id"])
    op.add_column("stock_movements", sa.Column("serial_id", sa.Uuid(), nullable=True))
    op.add_column("stock_movements", sa.Column("place", sa.Text(), nullable=True))
    op.add_column("stock_movements", sa.Column("place_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_stock_movements_serial_id"), "stock_movements", "serials", ["serial_id"], ["id"])
    op.create_check_constraint(
        op.f("ck_stock_movements_piece"), "stock_movements", "serial_id IS NULL OR (abs(quantity) = 1 AND place IS NOT NULL)"
    )
    op.create_index("ix_stock_movements_serial_id", "stock_movements", ["serial_id", "at", "id"], postgresql_where=sa.text("serial_id IS NOT NULL"))
    op.add_column("requisition_lines", sa.Column("serial_numbers", postgresql.JSONB(none_as_null=True), nullable=True))
    scope_table(op, "serials")
    for name, body in (("stock_balance", BALANCE), ("serial_counted", COUNTED), ("part_tracked", TRACKED)):
        op.execute(f"{FUNCTION.format(name=name)} $${body}$$")
    op.execute(
        "CREATE CONSTRAINT TRIGGER counted AFTER INSERT OR UPDATE OF place, place_id, quality ON serials DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION serial_counted()"
    )
    op.execute(
        "CREATE TRIGGER tracked AFTER UPDATE OF serial_tracked ON parts FOR EACH ROW WHEN (OLD.serial_tracked <> NEW.serial_tracked) "
        "EXECUTE FUNCTION part_tracked()"
    )
    if role := app_role(op.get_bind()):  # a new piece is the supplier's; movements bring it in
        op.execute(f'REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON serials FROM "{role}"')
        op.execute(f'GRANT INSERT (id, part_id, number, number_key, org_path) ON serials TO "{role}"')
