"""Codes of labour rates are unique however they are written."""

from alembic import op

from chassis.db.migrate import system_scope
from chassis.db.refolding import fold_key

revision = "0010"
down_revision = "0009"
SERVES = "0010"


def upgrade() -> None:
    system_scope(op)
    fold_key(op, revision, "labour_rates", "code_key", "code", unique="uq_labour_rates_code_key", replaces="uq_labour_rates_code")
    op.create_index("ix_labour_rates_code", "labour_rates", ["code"])
