"""What a party still owes is found among all that it ever owed, also within a branch that has little of it."""

from alembic import op

from chassis.db.migrate import indexes

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    indexes(op, {"ix_open_items_party_open": "open_items (party_id, created_at, id) WHERE open_amount > 0"})
