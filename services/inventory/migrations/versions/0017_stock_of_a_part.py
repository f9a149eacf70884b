"""The stock of a part has an order that an index knows, so a page of it is read without the rest, in any scope."""

from alembic import op

from chassis.db.migrate import indexes

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    indexes(op, {"ix_stock_part_id_org_path_id": "stock (part_id, org_path, id)"}, dropped=("ix_stock_part_id",))
