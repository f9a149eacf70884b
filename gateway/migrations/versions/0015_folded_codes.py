"""Codes of units are unique however they are written; units, users and partners are searched without dashes, blanks and accents."""

from alembic import op

from chassis.db.migrate import system_scope
from chassis.db.refolding import fold_key, fold_words
from chassis.domain import folding

revision = "0015"
down_revision = "0014"
SERVES = "0015"


def upgrade() -> None:
    system_scope(op)
    fold_key(op, revision, "org_units", "code_key", "code", unique="uq_org_units_code_key", replaces="uq_org_units_code")
    op.create_index("ix_org_units_code", "org_units", ["code"])
    fold_key(op, revision, "users", "username_key", "username", folding.plain, unique="uq_users_username_key", replaces="uq_users_username_key")
    fold_words(op, "org_units", "search_key", "code", "name")
    fold_words(op, "users", "search_key", "username", "name")
    fold_words(op, "partners", "search_key", "name")
