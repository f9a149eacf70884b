"""Kinds of movements are data of the contract: their column is plain text."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.alter_column("stock_movements", "kind", type_=sa.Text())
