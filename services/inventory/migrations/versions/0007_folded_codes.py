"""Codes of parts and warehouses are unique however they are written; parts are searched without dashes, blanks and accents."""

from alembic import op

from chassis.db.migrate import system_scope
from chassis.db.refolding import fold_key, fold_words

revision = "0007"
down_revision = "0006"
SERVES = "0007"


def upgrade() -> None:
    system_scope(op)
    fold_key(op, revision, "parts", "number_key", "number", unique="uq_parts_number_key", replaces="uq_parts_number")
    fold_key(op, revision, "warehouses", "code_key", "code", unique="uq_warehouses_code_key", replaces="uq_warehouses_code")
    for source in ("number", "name"):
        fold_words(op, "parts", f"{source}_words", source)
        op.create_index(f"ix_parts_{source}_words", "parts", [f"{source}_words"])
    op.create_index("ix_parts_number", "parts", ["number"])
    op.create_index("ix_warehouses_code", "warehouses", ["code"])
