"""Receipts as drafts, and reversed (R-02, R-10, I-21): what is posted stays as it is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.db.migrate import app_role, indexes

revision = "0016"
down_revision = "0015"

LOCKED = """
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.state = 'draft' THEN RETURN OLD; END IF;
  ELSIF OLD.state = 'draft' AND NEW.state IN ('draft', 'posted') OR (OLD.state, NEW.state) IN (('posted', 'posted'), ('posted', 'reversed'), ('reversed', 'reversed'))
        AND (OLD.number, OLD.posted_at, OLD.total) = (NEW.number, NEW.posted_at, NEW.total) THEN
    RETURN NEW;
  END IF;
  RAISE 'a posted receipt is only reversed' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_receipts_locked';
END
"""
# At COMMIT, so a receipt that is posted at once may get its lines and movements after it. Each line looks at its own movements only: of 500 lines
# none reads the others'.
AGREES = """
BEGIN
  IF EXISTS (SELECT FROM stock_receipts r WHERE r.id = NEW.id AND r.total <> (SELECT coalesce(sum(value), -1) FROM stock_receipt_lines WHERE receipt_id = r.id))
     OR EXISTS (SELECT FROM stock_receipts r JOIN stock_receipt_lines l ON l.receipt_id = r.id
                LEFT JOIN (SELECT part_id, sum(quantity) AS moved FROM stock_movements WHERE document_id = NEW.id GROUP BY 1) m USING (part_id)
                WHERE r.id = NEW.id AND coalesce(m.moved, 0) <> CASE r.state WHEN 'posted' THEN l.quantity ELSE 0 END) THEN
    RAISE 'a receipt is the sum of its lines, and these are what moved' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_receipts_locked';
  END IF;
  RETURN NULL;
END
"""
CAME = """
BEGIN
  IF EXISTS (SELECT FROM stock_receipts WHERE id = NEW.receipt_id AND state <> 'draft') AND NEW.quantity IS DISTINCT FROM
     (SELECT sum(quantity) FROM stock_movements WHERE document_id = NEW.receipt_id AND part_id = NEW.part_id AND kind = 'receipt') THEN
    RAISE 'the line of a posted receipt is what came' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_receipts_locked';
  END IF;
  RETURN NULL;
END
"""
LINE = """
BEGIN
  IF EXISTS (SELECT FROM stock_receipts WHERE id = OLD.receipt_id AND state <> 'draft') THEN
    RAISE 'a posted receipt is only reversed' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_stock_receipts_locked';
  END IF;
  RETURN OLD;
END
"""


def upgrade() -> None:
    state = sa.Enum("draft", "posted", "reversed", name="state", native_enum=False, length=32)
    op.add_column("stock_receipts", sa.Column("state", state, server_default="posted", nullable=False))
    op.alter_column("stock_receipts", "state", server_default=None)
    op.add_column("stock_receipts", sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("stock_receipts", sa.Column("reason", sa.Text(), nullable=True))
    for name in ("number", "posted_at"):
        op.alter_column("stock_receipts", name, nullable=True)
    op.create_check_constraint("posted", "stock_receipts", "(state = 'draft') = (number IS NULL) AND (state = 'draft') = (posted_at IS NULL)")
    op.create_check_constraint("reversed", "stock_receipts", "(state = 'reversed') = (reason IS NOT NULL) AND (state = 'reversed') = (reversed_at IS NOT NULL)")
    serials = sa.Column("serial_numbers", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False)
    op.add_column("stock_receipt_lines", serials)
    op.alter_column("stock_receipt_lines", "serial_numbers", server_default=None)
    for name, body in (
        ("stock_receipt_locked", LOCKED), ("stock_receipt_agrees", AGREES), ("stock_receipt_line_locked", LINE), ("stock_receipt_line_came", CAME),
    ):  # fmt: skip
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    op.execute("CREATE TRIGGER locked BEFORE UPDATE OR DELETE ON stock_receipts FOR EACH ROW EXECUTE FUNCTION stock_receipt_locked()")
    op.execute("CREATE TRIGGER locked BEFORE DELETE ON stock_receipt_lines FOR EACH ROW EXECUTE FUNCTION stock_receipt_line_locked()")
    for table, what, function in (
        ("stock_receipts", "INSERT OR UPDATE OF total, state", "stock_receipt_agrees"), ("stock_receipt_lines", "INSERT", "stock_receipt_line_came"),
    ):  # fmt: skip
        op.execute(f"CREATE CONSTRAINT TRIGGER agrees AFTER {what} ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {function}()")
    if role := app_role(op.get_bind()):
        op.execute(f'GRANT UPDATE (state, number, posted_at, total, reversed_at, reason, version, updated_at, updated_by), DELETE ON stock_receipts TO "{role}"')
        op.execute(f'GRANT DELETE ON stock_receipt_lines TO "{role}"')
    indexes(op, {
        "ix_stock_receipts_state_posted_at_id": "stock_receipts (state, posted_at, id)",
        "ix_stock_receipts_created_at_id": "stock_receipts (created_at, id)",
    })  # fmt: skip
