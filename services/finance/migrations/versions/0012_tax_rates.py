"""Labour rates may have a tax rate of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("labour_rates", sa.Column("tax_rate", sa.Numeric(5, 4), nullable=True))
    op.create_check_constraint(op.f("ck_labour_rates_tax_rate"), "labour_rates", "tax_rate BETWEEN 0 AND 1")
