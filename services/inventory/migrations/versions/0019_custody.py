"""Custody (O-101): what a work order asks of the store is seen where its device is, too, and served from there."""

from alembic import op

from chassis.db import custody
from chassis.db.migrate import indexes
from chassis.db.scopes import scope_moves

revision = "0019"
down_revision = "0018"

# Pieces that are out for an order are where its device is: whoever has that gives them back.
PIECES = """UPDATE serials s SET org_path = coalesce(w.held_path, w.org_path) FROM supplies w
    WHERE w.id = wanted AND s.place_id = w.work_order_id AND s.place = 'order' AND s.org_path <> coalesce(w.held_path, w.org_path)"""
LINES = """UPDATE requisition_lines l SET held_path = r.held_path, bound_path = r.bound_path FROM requisitions r
    WHERE r.id = wanted AND l.requisition_id = wanted"""
# A holder puts lines on a requisition of another site: they say no more of where it is than the requisition does.
STANDS = """
CREATE FUNCTION requisition_line_stands() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT r.held_path, r.bound_path INTO NEW.held_path, NEW.bound_path FROM requisitions r WHERE r.id = NEW.requisition_id;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    custody.held(op, "supplies")
    custody.held(op, "requisitions")
    custody.copied(op, "requisition_lines")
    op.execute(f"ALTER POLICY made ON requisition_lines WITH CHECK ({custody.SEES})")
    op.execute(STANDS)
    op.execute("CREATE TRIGGER stands BEFORE INSERT ON requisition_lines FOR EACH ROW EXECUTE FUNCTION requisition_line_stands()")
    custody.follows(op, "allocations", "requisition_id", "requisitions")
    custody.follows(op, "journal", "entity_id", "requisitions", optional=True)
    custody.told(op, "supplies")
    custody.functions(op, {"supplies": (PIECES,), "requisitions": (LINES,)}, sites="site_copies")
    scope_moves(op)
    indexes(op, {"uq_requisitions_whose": "requisitions (id, org_path)"})
