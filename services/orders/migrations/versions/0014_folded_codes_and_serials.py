"""Codes of products and sites and serial numbers are unique however they are written, and found so; words of a problem are found
over the blanks and dashes between them."""

import sqlalchemy as sa
from alembic import op

from chassis.db.migrate import indexes, system_scope
from chassis.db.refolding import fold_key, fold_words
from chassis.domain import folding
from services.orders.repairs.search import tokens

revision = "0014"
down_revision = "0013"
SERVES = "0014"

BATCH = 2000
SOME = "SELECT id, org_path, problem FROM work_orders WHERE id > :after ORDER BY id LIMIT :batch"
ADDED = """
INSERT INTO work_order_tokens (token, org_path, work_order_id)
SELECT * FROM unnest(CAST(:tokens AS text[]), CAST(:paths AS text[]), CAST(:ids AS uuid[])) ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    system_scope(op)
    fold_key(op, revision, "products", "code_key", "code", unique="uq_products_code_key", replaces="uq_products_code")
    fold_key(op, revision, "sites", "code_key", "code", unique="uq_sites_code_key", replaces="uq_sites_code")
    op.create_index("ix_products_code", "products", ["code"])
    op.create_index("ix_sites_code", "sites", ["code"])
    fold_key(op, revision, "sites", "org_unit_key", "org_unit_code")
    op.create_index("ix_sites_org_unit_key", "sites", ["org_unit_key"])
    for table in ("org_unit_copies", "labour_rate_copies"):
        fold_key(op, revision, table, "code_key", "code")
        op.drop_index(f"ix_{table}_code", table)
        op.create_index(f"ix_{table}_code_key", table, ["code_key"])
    fold_words(op, "products", "search_key", "code", "name")
    fold_words(op, "sites", "search_key", "code", "name")
    fold_words(op, "technicians", "search_key", "name")
    fold_key(
        op, revision, "devices", "serial_key", "serial_number", folding.identifier,
        unique="uq_devices_serial_number", within=["product_id"], replaces="uq_devices_serial_number", nullable=True,
    )  # fmt: skip
    fold_words(op, "devices", "serial_end", "serial_number", fold=folding.words_from_the_end, nullable=True)
    _words(op.get_bind())
    indexes(op, {"ix_devices_serial_end": "devices (serial_end, id)"})


def _words(connection: sa.Connection) -> None:
    """Of each problem the tokens it did not have; those it had stay."""
    after = "00000000-0000-0000-0000-000000000000"
    while orders := connection.execute(sa.text(SOME), {"after": after, "batch": BATCH}).fetchall():
        after = orders[-1].id
        rows = [(token, order.org_path, str(order.id)) for order in orders for token in tokens(order.problem)]
        if rows:
            connection.execute(sa.text(ADDED), dict(zip(("tokens", "paths", "ids"), map(list, zip(*rows, strict=True)), strict=True)))
