"""Custody (O-101): the stream tells of an order to who has its device, and to whom it is on its way, too."""

from alembic import op

from chassis.db import custody
from chassis.db.scopes import scope_moves

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    custody.copied(op, "stream_events")
    scope_moves(op)
