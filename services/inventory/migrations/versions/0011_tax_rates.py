"""Parts may have a tax rate of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("parts", sa.Column("tax_rate", sa.Numeric(5, 4), nullable=True))
    op.create_check_constraint(op.f("ck_parts_tax_rate"), "parts", "tax_rate BETWEEN 0 AND 1")
